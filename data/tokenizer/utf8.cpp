#include "data/tokenizer/utf8.h"

#include <cstdint>
#include <cstring>

namespace incipit::data {
namespace {

struct Scan {
  std::size_t length;  // bytes of the character, or of the ill-formed part
  bool valid;
  bool truncated;  // the text ends within a character that is valid so far
};

// Table 3-7 of the Unicode standard. position < text.size().
Scan scan_char(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (position + i == text.size()) return {i, false, true};
    if (byte(i) < low || byte(i) > high) return {i, false, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true, false};
}

// Number of ASCII bytes starting at `position`, read eight at a time.
std::size_t ascii_run(std::string_view text, std::size_t position) {
  const std::size_t begin = position;
  while (position + 8 <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + position, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
    position += 8;
  }
  while (position < text.size() && static_cast<unsigned char>(text[position]) < 0x80) ++position;
  return position - begin;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  std::size_t position = ascii_run(text, 0);
  while (position < text.size()) {
    const Scan scan = scan_char(text, position);
    if (!scan.valid) return false;
    position += scan.length;
    if (scan.length == 1) position += ascii_run(text, position);
  }
  return true;
}

bool is_ascii(std::string_view text) { return ascii_run(text, 0) == text.size(); }

void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string from_utf8_lossy(std::string_view bytes, std::size_t* incomplete) {
  std::string text;
  text.reserve(bytes.size());
  if (incomplete != nullptr) *incomplete = 0;
  for (std::size_t position = 0; position < bytes.size();) {
    const Scan scan = scan_char(bytes, position);
    if (scan.valid) {
      text.append(bytes, position, scan.length);
    } else if (scan.truncated && incomplete != nullptr) {
      *incomplete = scan.length;
    } else {
      text += "\uFFFD";
    }
    position += scan.length;
  }
  return text;
}

}  // namespace incipit::data
