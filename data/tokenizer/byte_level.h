// GPT-2's byte-level alphabet. It writes each of the 256 bytes as one printable character, so that
// a vocabulary over arbitrary bytes is a vocabulary of text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace incipit::data {

// Returns the character for a byte (U+0021 to U+0143).
[[nodiscard]] char32_t byte_level_char(unsigned char byte);

// Converts bytes to text in the alphabet.
[[nodiscard]] std::string to_byte_level(std::string_view bytes);

// Converts text in the alphabet to bytes. Returns nothing if a character is not in the alphabet.
[[nodiscard]] std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace incipit::data
