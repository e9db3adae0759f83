// Character properties and normal forms, as the `tokenizers` library sees them.
//
// That library mixes Unicode versions (its pattern engine knows Unicode 16, its normal
// forms stop at an older one), and so do ICU and PCRE2 across distributions. What a model
// was trained with is what counts: where versions differ, these functions follow the
// library. tests/parity/tokenizer compares every code point.
#pragma once

#include <string>
#include <string_view>

namespace incipit::data {

[[nodiscard]] bool is_white_space(char32_t code);  // White_Space
[[nodiscard]] bool is_numeric(char32_t code);      // general category N
[[nodiscard]] bool is_word(char32_t code);         // \w of UTS #18
[[nodiscard]] bool is_punctuation(char32_t code);  // ASCII punctuation or category P of Unicode 8

// Appends the full lower-case mapping of one character, without regard to its neighbours.
void append_lowercase(std::string& text, char32_t code);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Writes the normal form of `in` to `out` and returns true, or returns false when `in`
// (valid UTF-8) is in that form already; `out` is then untouched.
bool normalize(NormalForm form, std::string_view in, std::string& out);

// A character that Unicode 15 or 16 brought stands in for patterns and ICU as an older one
// of the same general category and the same length in UTF-8. Others stand for themselves.
[[nodiscard]] char32_t older_relative(char32_t code);

// Whether `text` has a character that `older_relative` replaces.
[[nodiscard]] bool has_newer_characters(std::string_view text);

// `text` with every character replaced by its older relative; byte offsets stay the same.
[[nodiscard]] std::string with_older_relatives(std::string_view text);

}  // namespace incipit::data
