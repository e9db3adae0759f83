#include "data/text_filters.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/text.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::string_view kBlanks = " \t\n\r";

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string lower_first(std::string_view value) {
  if (value.empty()) return "";
  std::size_t rest = 0;
  std::string text;
  append_lowercase(text, next_char(value, rest));
  return text.append(value.substr(rest));
}

std::string strip_period(std::string_view value) {
  std::string_view text = value.substr(0, value.find_last_not_of(kBlanks) + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text.substr(0, text.find_last_not_of(kBlanks) + 1));
}

std::string plain_breaks(std::string_view value) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kTags{
      {{"<br>", " "}, {"<b>", ""}, {"</b>", ""}}};
  std::string text;
  while (!value.empty()) {
    const auto* const tag = std::find_if(kTags.begin(), kTags.end(), [&](const auto& each) {
      return value.starts_with(each.first);
    });
    if (tag != kTags.end()) {
      text += tag->second;
      value.remove_prefix(tag->first.size());
      continue;
    }
    const std::size_t end = std::min(value.find('<', 1), value.size());
    text += value.substr(0, end);
    value.remove_prefix(end);
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> read_map(std::string_view arguments) {
  std::vector<std::pair<std::string, std::string>> map;
  while (!arguments.empty()) {
    const std::size_t comma = std::min(arguments.find(','), arguments.size());
    const std::string_view entry = without_blanks(arguments.substr(0, comma));
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) {
      throw ConfigError(
          "map needs VALUE=TEXT, as in map(cause=because, effect=therefore), found '" +
          std::string(entry) + "'");
    }
    map.emplace_back(without_blanks(entry.substr(0, equals)),
                     without_blanks(entry.substr(equals + 1)));
    arguments.remove_prefix(std::min(comma + 1, arguments.size()));
  }
  if (map.empty()) {
    throw ConfigError("map names no value; write map(cause=because, effect=therefore)");
  }
  return map;
}

}  // namespace

TextFilter::TextFilter(std::string_view text) {
  text = without_blanks(text);
  const std::size_t open = std::min(text.find('('), text.size());
  const std::string name(without_blanks(text.substr(0, open)));
  const bool called = open < text.size();
  if (called && !text.ends_with(')')) {
    throw ConfigError("the filter '" + std::string(text) + "' lacks its ')'");
  }
  if (name == "map") {
    kind_ = Kind::kMap;
    map_ = read_map(called ? text.substr(open + 1, text.size() - open - 2) : "");
    return;
  }
  const std::vector<std::string> names{"lower_first", "strip_period", "plain_breaks", "map"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw ConfigError("'" + name + "' is no filter; there are " + join(names) +
                      did_you_mean(name, names));
  }
  if (called) throw ConfigError("the filter " + name + " takes no arguments");
  kind_ = static_cast<Kind>(found - names.begin());
}

std::string TextFilter::apply(std::string value, const Record& record,
                              std::string_view field) const {
  switch (kind_) {
    case Kind::kLowerFirst:
      return lower_first(value);
    case Kind::kStripPeriod:
      return strip_period(value);
    case Kind::kPlainBreaks:
      return plain_breaks(value);
    case Kind::kMap:
      break;
  }
  std::vector<std::string> values;
  for (const auto& [from, to] : map_) {
    if (from == value) return to;
    values.push_back(from);
  }
  record.fail("the field '" + std::string(field) + "' is '" + value + "'; the template's map has " +
              join(values) + did_you_mean(value, values));
}

}  // namespace incipit::data
