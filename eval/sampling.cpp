#include "eval/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/check.h"

namespace incipit::eval {
namespace {

// Returns the indices of the largest weights that together reach `share` of the sum, in descending
// order of weight. Ties go to the lower index.
std::vector<std::size_t> nucleus(const std::vector<double>& weights, double share) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
  });
  double left = share * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t count = 0;
  do {
    left -= weights[order[count++]];
  } while (left > 0 && count < order.size());
  order.resize(count);
  return order;
}

}  // namespace

TokenId sample_token(std::span<const float> logits, double temperature, double top_p,
                     Random& random) {
  INCIPIT_CHECK(!logits.empty() && temperature > 0);
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  std::transform(logits.begin(), logits.end(), weights.begin(), [&](float logit) {
    return std::exp((static_cast<double>(logit) - highest) / temperature);
  });
  if (top_p < 1) {
    std::vector<double> kept(weights.size(), 0.0);
    for (const std::size_t index : nucleus(weights, top_p)) kept[index] = weights[index];
    weights = std::move(kept);
  }
  double left = random.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    last = i;  // rounding may leave a small remainder after the last
    left -= weights[i];
    if (left < 0) break;
  }
  return static_cast<TokenId>(last);
}

}  // namespace incipit::eval
