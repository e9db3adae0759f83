#include "data/tokenizer/byte_level.h"

#include <array>

#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

struct Alphabet {
  // Printable Latin-1 maps to itself; the other bytes, in order, map to U+0100, U+0101, ...
  Alphabet() {
    to_byte.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
      const char32_t code = printable ? static_cast<char32_t>(byte) : next++;
      to_char[byte] = code;
      to_byte[code] = byte;
    }
  }
  std::array<char32_t, 256> to_char{};
  std::array<int, 0x144> to_byte{};
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

char32_t byte_level_char(unsigned char byte) { return alphabet().to_char[byte]; }

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    append_utf8(text, byte_level_char(static_cast<unsigned char>(byte)));
  }
  return text;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char32_t code = next_char(text, i);
    if (code >= alphabet().to_byte.size() || alphabet().to_byte[code] < 0) return std::nullopt;
    bytes += static_cast<char>(alphabet().to_byte[code]);
  }
  return bytes;
}

}  // namespace incipit::data
