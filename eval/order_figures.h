// Figures of orders of few-shot examples: entropies over probes, picks, controls (Lu et al. 2021,
// Fantastically Ordered Prompts). Pure functions; natural logarithms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "eval/content_free.h"

namespace incipit::eval {

// Indices of the examples, in the order in which they are shown.
using Order = std::vector<int>;

// Returns all orders of `shots` examples if there are at most `most`, else that many different ones
// drawn by `seed`; in lexicographic order. shots >= 1, most >= 1.
[[nodiscard]] std::vector<Order> choose_orders(int shots, std::int64_t most, std::uint64_t seed);
// Returns shots!, or the largest number if that is larger.
[[nodiscard]] std::int64_t order_count(int shots);

// GlobalE: entropy of the distribution of predicted labels. `scores` is [probes][labels] with the
// same labels in every row; a row's prediction is its highest score, of several the first.
[[nodiscard]] double global_entropy(const Likelihoods& scores);
// LocalE: mean over the probes of the entropy of the labels' distribution, softmax of a row.
[[nodiscard]] double local_entropy(const Likelihoods& scores);

// Returns the indices of the `count` highest values (or of all, if fewer), highest first. Ties keep
// their order.
[[nodiscard]] std::vector<std::size_t> highest(std::span<const double> values, std::int64_t count);

struct Spread {
  double mean = 0;
  double deviation = 0;  // sample standard deviation
  double lowest = 0;
  double highest = 0;
};
// Two values at least.
[[nodiscard]] Spread spread_of(std::span<const double> values);

// The mean score of `best` orders drawn at random without replacement.
struct RandomControl {
  double mean = 0;
  double low = 0;  // of 95 % of 10,000 draws
  double high = 0;
};
[[nodiscard]] RandomControl random_control(std::span<const double> scores, std::int64_t best,
                                           std::uint64_t seed);

// Spearman's rank correlation with the 95 % interval of Bonett and Wright (2000).
struct Correlation {
  double value = 0;
  double low = 0;
  double high = 0;
};
// Returns nothing for fewer than 4 values, or where all values of one side are equal.
[[nodiscard]] std::optional<Correlation> rank_correlation(std::span<const double> a,
                                                          std::span<const double> b);

}  // namespace incipit::eval
