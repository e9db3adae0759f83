#include "report/html.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "core/check.h"

namespace incipit::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
}

std::size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

bool may_stand_in_a_page(std::uint32_t point) {
  if (point < 0x20) return point == '\n' || point == '\t';
  if (point >= 0x7F && point < 0xA0) return false;
  return (point < 0xD800 || point > 0xDFFF) && (point & 0xFFFEU) != 0xFFFE && point <= 0x10FFFF;
}

// Returns the length in bytes of the character at `at`, or 0 if it is not allowed in HTML.
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t length = announced_length(first);
  if (length == 0) return 0;
  std::uint32_t point = length == 1 ? first : first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues(text, at + i)) return 0;
    point = point << 6U | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  return point >= kLeast[length] && may_stand_in_a_page(point) ? length : 0;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    if (length == 0) {
      out += kReplacement;
      ++at;
      continue;
    }
    switch (text[at]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.append(text.substr(at, length));
    }
    at += length;
  }
  return out;
}

void Html::open(std::string_view tag, Attributes attributes, std::string_view end) {
  out_.append("<").append(tag);
  for (const auto& [name, value] : attributes) {
    out_.append(" ").append(name);
    if (!value.empty()) out_.append("=\"").append(escaped(value)).append("\"");
  }
  out_ += end;
}

void Html::close() {
  out_.append("</").append(path_.back()).append(">\n");
  path_.pop_back();
}

Html::Element Html::element(std::string_view tag, Attributes attributes) {
  open(tag, attributes, ">");
  path_.emplace_back(tag);
  return Element(*this);
}

void Html::leaf(std::string_view tag, Attributes attributes, std::string_view content) {
  open(tag, attributes, ">");
  text(content);
  out_.append("</").append(tag).append(">");
}

void Html::single(std::string_view tag, Attributes attributes) { open(tag, attributes, ">\n"); }

void Html::shape(std::string_view tag, Attributes attributes) { open(tag, attributes, "/>"); }

const std::string& Html::markup() const {
  INCIPIT_CHECK(path_.empty(), "an element is open: ", path_.empty() ? "" : path_.back());
  return out_;
}

std::string css_number(double number) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.2f", number);
  std::string shown = text.data();
  shown.erase(shown.find_last_not_of('0') + 1);
  if (shown.back() == '.') shown.pop_back();
  return shown == "-0" ? "0" : shown;
}

}  // namespace incipit::report
