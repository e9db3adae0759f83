#include "configs/list_blocks.h"

#include <utility>

#include "configs/yaml_reader.h"
#include "core/error.h"
#include "core/files.h"

namespace incipit::configs {

std::string block_key(const std::string& what, std::size_t index) {
  return what + " " + std::to_string(index + 1);
}

ConfigValue as_blocks(ConfigValue list, const std::string& what, Problems& problems) {
  ConfigValue blocks{.kind = ConfigValue::Kind::kMap, .where = list.where, .pairs = {}};
  if (list.kind != ConfigValue::Kind::kSequence || list.items.empty()) {
    problems.add(list.where, "expected a list of " + what + "s, found " + list.describe());
  }
  for (ConfigValue& item : list.items) {
    std::string key = block_key(what, blocks.pairs.size());
    blocks.pairs.push_back({std::move(key), item.where, std::move(item)});
  }
  return blocks;
}

std::string read_yaml_text(const std::string& path) {
  try {
    return read_text(path, kMaxYamlBytes);
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace incipit::configs
