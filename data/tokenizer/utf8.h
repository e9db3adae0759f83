// UTF-8 iteration. All functions except `is_valid_utf8` and `from_utf8_lossy` expect valid UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace incipit::data {

// Whether `text` is UTF-8 without surrogates or overlong forms.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

[[nodiscard]] bool is_ascii(std::string_view text);

// Returns the length in bytes of the character that starts with byte `lead`.
[[nodiscard]] inline std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// Returns the character at `position` and moves `position` past it. position < text.size().
[[nodiscard]] inline char32_t next_char(std::string_view text, std::size_t& position) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[position + i]));
  };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    ++position;
    return lead;
  }
  char32_t code = 0;
  const std::size_t length = utf8_length(text[position]);
  if (length == 2) {
    code = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
  } else if (length == 3) {
    code = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  } else {
    code = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
  position += length;
  return code;
}

// Returns the character that ends at `position` and moves `position` to its start. position > 0.
[[nodiscard]] inline char32_t previous_char(std::string_view text, std::size_t& position) {
  do {
    --position;
  } while ((static_cast<unsigned char>(text[position]) & 0xC0) == 0x80);
  std::size_t begin = position;
  return next_char(text, begin);
}

void append_utf8(std::string& text, char32_t code);

// Converts bytes to UTF-8. Each maximal ill-formed part becomes one U+FFFD (Unicode, section 3.9,
// "substitution of maximal subparts"). With `incomplete`, a truncated character at the end is left
// out and its number of bytes is stored there.
[[nodiscard]] std::string from_utf8_lossy(std::string_view bytes,
                                          std::size_t* incomplete = nullptr);

}  // namespace incipit::data
