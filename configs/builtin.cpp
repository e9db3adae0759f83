#include "configs/builtin.h"

#include <algorithm>

namespace incipit::configs {

std::string BuiltinFile::description() const {
  if (!text.starts_with("#")) return "";
  std::string_view line = text.substr(1, text.find('\n') - 1);
  const std::size_t begin = line.find_first_not_of("# ");
  return begin == std::string_view::npos ? "" : std::string(line.substr(begin));
}

const BuiltinFile* find_file(std::span<const BuiltinFile> files, std::string_view name) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const BuiltinFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

std::vector<std::string> names(std::span<const BuiltinFile> files) {
  std::vector<std::string> names;
  for (const BuiltinFile& file : files) names.emplace_back(file.name);
  return names;
}

}  // namespace incipit::configs
