// Figures of a search over words as text, for the terminal and the page.
#pragma once

#include <string>
#include <vector>

#include "eval/search_results.h"

namespace incipit::report {

// "tokens: 20,000 forward passes, 64 training and 128 validation examples"
[[nodiscard]] std::string search_title(const eval::SearchResults& results);

// Returns the words in one line, quoted; phrases are separated by " | ".
[[nodiscard]] std::string words_text(const std::vector<std::string>& texts);

// Returns the columns of a table of outcomes, and a row for each: the losses of the search, and
// loss and metric on every split.
[[nodiscard]] std::vector<std::string> outcome_header(const eval::SearchResults& results);
[[nodiscard]] std::vector<std::vector<std::string>> outcome_rows(
    const eval::SearchResults& results);

// "loss on test: 0.1200 better than random (95 %: 0.0800 to 0.1600)"
[[nodiscard]] std::vector<std::string> gain_texts(const eval::SearchResults& results);

}  // namespace incipit::report
