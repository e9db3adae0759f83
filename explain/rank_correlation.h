// Spearman's rank correlation.
#pragma once

#include <optional>
#include <vector>

namespace incipit::explain {

// Returns the correlation of the ranks of two lists of equal length; equal numbers share their mean
// rank. Nothing for fewer than two numbers, or if all numbers of a list are equal.
[[nodiscard]] std::optional<double> rank_correlation(const std::vector<double>& a,
                                                     const std::vector<double>& b);

}  // namespace incipit::explain
