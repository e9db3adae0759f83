#include "explain/rank_correlation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "core/check.h"

namespace incipit::explain {
namespace {

// Returns each number's rank from 0, less the mean rank.
std::vector<double> centred_ranks(const std::vector<double>& numbers) {
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  const double middle = (static_cast<double>(numbers.size()) - 1) / 2;
  std::vector<double> ranks(numbers.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && numbers[order[end]] == numbers[order[begin]]) ++end;
    const double shared = (static_cast<double>(begin) + static_cast<double>(end) - 1) / 2;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = shared - middle;
  }
  return ranks;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

std::optional<double> rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  INCIPIT_CHECK(a.size() == b.size(), a.size(), " and ", b.size(), " numbers");
  const std::vector<double> first = centred_ranks(a);
  const std::vector<double> second = centred_ranks(b);
  const double scale = std::sqrt(product(first, first) * product(second, second));
  if (scale == 0) return std::nullopt;
  return product(first, second) / scale;
}

}  // namespace incipit::explain
