// The tokens for single bytes in a vocabulary with byte fallback: "<0x0A>".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace incipit::data {

[[nodiscard]] inline std::string byte_token(unsigned char byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
}

// Returns the byte of such a token (digits in either case), or nothing for other tokens.
[[nodiscard]] inline std::optional<unsigned char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int byte = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    byte = byte * 16 + digit;
  }
  return static_cast<unsigned char>(byte);
}

}  // namespace incipit::data
