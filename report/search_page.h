// The HTML page of a search over words.
#pragma once

#include <string>

#include "eval/search_results.h"

namespace incipit::report {

// Returns the page: what the search and its random control found, the losses along the way, and
// every improvement. Loads nothing from elsewhere.
[[nodiscard]] std::string search_page(const eval::SearchResults& results);

}  // namespace incipit::report
