// Compares generated answers with reference answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// All strings are UTF-8.

// Removes Unicode white space from both ends.
[[nodiscard]] std::string_view stripped(std::string_view text);

// Splits at Unicode white space, as Python's str.split() does.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

// Normalizes a text as the official scripts of SQuAD and ReCoRD do: lower case, without ASCII
// punctuation, without the words a, an and the, with single spaces between words.
[[nodiscard]] std::string normalized_answer(std::string_view text);

// Returns the best F1 of the normalized words of `answer` against those of any reference. Repeated
// words count as often as they occur. 0 if no words are shared or there is no reference.
[[nodiscard]] double text_f1(std::string_view answer, std::span<const std::string> references);

// Whether the normalized `answer` equals a normalized reference.
[[nodiscard]] bool text_exact_match(std::string_view answer,
                                    std::span<const std::string> references);

// Returns ROUGE-L (Lin 2004): the F1 of the longest common subsequence of words, with the best
// reference. As in rouge-score without stemming, words are runs of ASCII letters and digits in
// lower case.
[[nodiscard]] double rouge_l(std::string_view answer, std::span<const std::string> references);

// Whether `answer` means `referent`, by T5's rule for the Winograd Schema Challenge. In lower case
// and without determiners, the words of one must all be among those of the other, and either both
// or neither must have an apostrophe ("Bob" is not "Bob's hat"). Returns nothing if no word of
// `answer` is left.
[[nodiscard]] std::optional<bool> names_referent(std::string_view answer,
                                                 std::string_view referent);

}  // namespace incipit::data
