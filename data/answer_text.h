// Texts that a model answered, against texts that would be right.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace incipit::data {

// All texts are UTF-8.

// Without white space (Unicode's) at both ends.
[[nodiscard]] std::string_view stripped(std::string_view text);

// As the official scripts of SQuAD and ReCoRD compare texts: lower case, without ASCII punctuation,
// without the words a, an and the, with single spaces between words.
[[nodiscard]] std::string normalized_answer(std::string_view text);

// The best F1 of the normalised words of `answer` (as often as they occur) with those of a
// reference; 0 where they share none, or there is no reference.
[[nodiscard]] double text_f1(std::string_view answer, std::span<const std::string> references);

// Whether `answer` is one of the references, when normalised.
[[nodiscard]] bool text_exact_match(std::string_view answer,
                                    std::span<const std::string> references);

// Whether `answer` means `referent`, as T5 decides it for the Winograd Schema Challenge: in lower
// case and without determiners, the words of one are all among those of the other, and either both
// or none have an apostrophe ("Bob" is not "Bob's hat"). Nothing where no word is left of `answer`.
[[nodiscard]] std::optional<bool> names_referent(std::string_view answer,
                                                 std::string_view referent);

}  // namespace incipit::data
