#include "data/json_objects.h"

#include <utility>

#include "data/record.h"

namespace incipit::data {
namespace {

constexpr std::string_view kJsonBlank = " \t\r";

std::string place_of(const LineReader& lines) {
  return lines.name() + ":" + std::to_string(lines.number()) + ": ";
}

}  // namespace

bool is_json_document(std::string_view first_line) {
  const std::size_t begin = first_line.find_first_not_of(kJsonBlank);
  if (begin == std::string_view::npos) return false;
  const std::string_view text =
      first_line.substr(begin, first_line.find_last_not_of(kJsonBlank) + 1 - begin);
  return text.front() == '[' || text == "{";
}

void JsonObjects::between(char c, const LineReader& lines) {
  if (kJsonBlank.find(c) != std::string_view::npos) return;
  if (c == '[' && !in_array_ && !ended_) {
    in_array_ = true;
  } else if (c == ']' && in_array_) {
    in_array_ = false;
    ended_ = true;
  } else if (c != ',' || !in_array_) {
    throw FileError(place_of(lines) + "found '" + c +
                    "' where an object with a record's fields was expected");
  }
}

std::optional<JsonObjects::Object> JsonObjects::scan(const LineReader& lines) {
  for (; at_ < line_.size(); ++at_) {
    const char c = line_[at_];
    if (!inside() && c != '{') {
      between(c, lines);
      continue;
    }
    if (!inside()) object_ = {.text = {}, .line = lines.number()};
    object_.text += c;
    if (in_string_) {
      in_string_ = c != '"' || escaped_;
      escaped_ = c == '\\' && !escaped_;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      ++at_;
      return std::move(object_);
    }
  }
  if (inside()) object_.text += '\n';
  return std::nullopt;
}

std::optional<JsonObjects::Object> JsonObjects::next(LineReader& lines) {
  while (true) {
    if (auto object = scan(lines)) return object;
    const auto line = lines.next();
    if (!line) break;
    line_ = *line;
    at_ = 0;
  }
  if (inside() || in_array_) {
    throw FileError(place_of(lines) + "the file ends within its JSON; is it cut off?");
  }
  return std::nullopt;
}

}  // namespace incipit::data
