// Words in names and labels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace incipit::launcher {

// Lower case of ASCII letters; all other bytes as they are.
[[nodiscard]] std::string lower(std::string_view text);

// Without white space at both ends.
[[nodiscard]] std::string trimmed(std::string_view text);

// Runs of ASCII letters, digits and non-ASCII characters: "card_arrival (EU)" -> card, arrival, EU.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

}  // namespace incipit::launcher
