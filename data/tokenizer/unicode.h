// Character properties and normal forms, as in the `tokenizers` library.
//
// That library mixes Unicode versions (its pattern engine uses Unicode 16, its normal forms an
// older one), and so do ICU and PCRE2 across distributions. A model needs what it was trained with,
// so where versions differ, these functions follow the library. tests/parity/tokenizer compares
// every code point.
#pragma once

#include <string>
#include <string_view>

namespace incipit::data {

[[nodiscard]] bool is_white_space(char32_t code);  // White_Space
[[nodiscard]] bool is_numeric(char32_t code);      // general category N
[[nodiscard]] bool is_word(char32_t code);         // \w of UTS #18
[[nodiscard]] bool is_punctuation(char32_t code);  // ASCII punctuation or category P of Unicode 8

// Appends the full lower-case mapping of one character, ignoring its neighbours.
void append_lowercase(std::string& text, char32_t code);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Writes the normal form of `in` to `out` and returns true. If `in` (valid UTF-8) is already in
// that form, returns false and leaves `out` unchanged.
bool normalize(NormalForm form, std::string_view in, std::string& out);

// For a character added in Unicode 15 or 16, returns an older one of the same general category and
// UTF-8 length, for use with patterns and ICU. Returns other characters unchanged.
[[nodiscard]] char32_t older_relative(char32_t code);

// Whether `text` has a character that `older_relative` replaces.
[[nodiscard]] bool has_newer_characters(std::string_view text);

// Returns `text` with every character replaced by its older relative; byte offsets do not change.
[[nodiscard]] std::string with_older_relatives(std::string_view text);

}  // namespace incipit::data
