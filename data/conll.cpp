#include "data/conll.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/json.h"

namespace incipit::data {
namespace {

// Removes white space at the end; a line of Windows ends in \r.
std::string_view without_end(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t\r");
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

std::optional<Record> ConllReader::next() {
  nlohmann::json words = nlohmann::json::array();
  nlohmann::json tags = nlohmann::json::array();
  std::int64_t first = 0;
  std::int64_t untagged = 0;  // the last line without a tag
  while (const auto read = lines_.next()) {
    const std::string_view line = without_end(*read);
    if (line.empty() || line.starts_with("-DOCSTART-")) {
      if (first > 0) break;
      continue;
    }
    if (first == 0) first = lines_.number();
    check_utf8(line, lines_.name(), lines_.number());
    const char separator = line.find('\t') == std::string_view::npos ? ' ' : '\t';
    const std::size_t end = line.find(separator);
    words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) {
      untagged = lines_.number();
    } else {
      tags.push_back(line.substr(line.rfind(separator) + 1));
    }
  }
  if (first == 0) return std::nullopt;
  if (untagged > 0 && !tags.empty()) {
    throw DataError(lines_.name() + ":" + std::to_string(untagged) +
                    ": has no tag, unlike other lines of the sentence; expected a word, a tab and "
                    "its tag");
  }
  nlohmann::json sentence{{"tokens", std::move(words)}};
  if (!tags.empty()) sentence["tags"] = std::move(tags);
  return Record(dump_json(sentence), lines_.name(), first);
}

Record ConllReader::at_line(std::int64_t number) {
  if (number <= lines_.number()) lines_.rewind();
  while (auto record = next()) {
    if (record->line() == number) return *std::move(record);
  }
  fail_no_record(lines_.name(), number);
}

}  // namespace incipit::data
