// chrF (Popović 2015) as sacrebleu 2 computes it by default: character 1- to 6-grams without white
// space, recall weighted twice (chrF2).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// Per order: the answer's n-grams, the reference's, and those in both; of the reference with the
// highest score.
inline constexpr std::size_t kChrfStatistics = 18;
[[nodiscard]] std::vector<double> chrf_statistics(std::string_view answer,
                                                  std::span<const std::string> references);

// Returns the score, in [0, 1], of the statistics' sums over a corpus.
[[nodiscard]] double chrf_score(std::span<const double> sums);

}  // namespace incipit::data
