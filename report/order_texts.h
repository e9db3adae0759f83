// Figures of an order search as text, for the terminal and the page.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "eval/order_results.h"

namespace incipit::report {

// Returns the name of a few-shot example: "a", ..., "z", "27", "28", ...
[[nodiscard]] std::string example_letter(std::size_t index);
// Returns an order as the names of its examples: "cabd".
[[nodiscard]] std::string order_letters(const eval::Order& order);

// "24 orders of 4 examples on 256 test queries"
[[nodiscard]] std::string order_title(const eval::OrderResults& results);

// Returns rows of a name and a text per score of candidates: mean, range, the orders as drawn and
// chosen, what every criterion keeps, and correlations.
[[nodiscard]] std::vector<std::vector<std::string>> order_summary(
    const eval::OrderResults& results);

// "GlobalE keeps better orders than chance does; LocalE keeps no better orders than chance may
// (raw, on these queries)": the score of what a criterion keeps against 95 % of random draws. Empty
// without a search.
[[nodiscard]] std::string verdict_text(const eval::OrderResults& results);
// "150 of 192 generated inputs are kept: long enough, and no duplicates"
[[nodiscard]] std::string probes_text(const eval::OrderResults& results);
// "1,204 rows of few-shot examples computed in place of 1,900 (36.6 % saved)"
[[nodiscard]] std::string sharing_text(const eval::OrderResults& results);
// "cabd, the highest GlobalE (raw)". Requires results.chosen.
[[nodiscard]] std::string chosen_text(const eval::OrderResults& results);

}  // namespace incipit::report
