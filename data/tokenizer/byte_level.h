// GPT-2's byte-level alphabet: each of the 256 bytes is written as one printable
// character, so that a vocabulary over any bytes is a vocabulary of texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace incipit::data {

// The character that stands for a byte (U+0021 to U+0143).
[[nodiscard]] char32_t byte_level_char(unsigned char byte);

// Bytes -> text in the alphabet.
[[nodiscard]] std::string to_byte_level(std::string_view bytes);

// Text in the alphabet -> bytes; nothing when a character is not of the alphabet.
[[nodiscard]] std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace incipit::data
