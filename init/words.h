// Functions on words in names and labels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace incipit::init {

// Lower-cases ASCII letters; other bytes are unchanged.
[[nodiscard]] std::string lower(std::string_view text);

// Removes white space at both ends.
[[nodiscard]] std::string trimmed(std::string_view text);

// Splits into runs of ASCII letters, digits and non-ASCII characters: "card_arrival (EU)" -> card,
// arrival, EU.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

}  // namespace incipit::init
