#include "eval/order_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "core/check.h"
#include "core/random.h"
#include "eval/bootstrap.h"

namespace incipit::eval {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f7264657273;      // "orders"
constexpr std::uint64_t kControlStream = 0x636f6e74726f6c;  // "control"
constexpr int kControlDraws = 10'000;

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double entropy_term(double share) { return share > 0 ? -share * std::log(share) : 0; }

// Returns the rank of each value from 1; equal values share the mean of their ranks.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    const double shared = static_cast<double>(first + last + 1) / 2;
    for (std::size_t k = first; k < last; ++k) ranks[order[k]] = shared;
  }
  return ranks;
}

}  // namespace

std::int64_t order_count(int shots) {
  std::int64_t count = 1;
  for (int i = 2; i <= shots; ++i) {
    if (count > std::numeric_limits<std::int64_t>::max() / i) {
      return std::numeric_limits<std::int64_t>::max();
    }
    count *= i;
  }
  return count;
}

std::vector<Order> choose_orders(int shots, std::int64_t most, std::uint64_t seed) {
  INCIPIT_CHECK(shots >= 1 && most >= 1);
  Order order(static_cast<std::size_t>(shots));
  std::iota(order.begin(), order.end(), 0);
  std::set<Order> chosen;
  if (order_count(shots) <= most) {
    do {
      chosen.insert(order);
    } while (std::next_permutation(order.begin(), order.end()));
  }
  Random random(seed, kOrderStream);
  while (order_count(shots) > most && static_cast<std::int64_t>(chosen.size()) < most) {
    random.shuffle(std::span(order));
    chosen.insert(order);
  }
  return {chosen.begin(), chosen.end()};
}

double global_entropy(const Likelihoods& scores) {
  std::map<std::ptrdiff_t, std::int64_t> predicted;
  for (const std::vector<double>& row : scores) {
    ++predicted[std::max_element(row.begin(), row.end()) - row.begin()];
  }
  double entropy = 0;
  for (const auto& [label, count] : predicted) {
    entropy += entropy_term(static_cast<double>(count) / static_cast<double>(scores.size()));
  }
  return entropy;
}

double local_entropy(const Likelihoods& scores) {
  double sum = 0;
  for (std::vector<double> row : scores) {
    normalize(row);
    for (const double value : row) sum += entropy_term(std::exp(value));
  }
  return sum / static_cast<double>(scores.size());
}

std::vector<std::size_t> highest(std::span<const double> values, std::int64_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  return order;
}

Spread spread_of(std::span<const double> values) {
  INCIPIT_CHECK(values.size() >= 2);
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  return {.mean = mean,
          .deviation = std::sqrt(squares / static_cast<double>(values.size() - 1)),
          .lowest = *lowest,
          .highest = *highest};
}

RandomControl random_control(std::span<const double> scores, std::int64_t best,
                             std::uint64_t seed) {
  const auto count = std::min(scores.size(), static_cast<std::size_t>(best));
  std::vector<double> pool(scores.begin(), scores.end());
  std::vector<double> means;
  Random random(seed, kControlStream);
  for (int draw = 0; draw < kControlDraws; ++draw) {
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(pool[i], pool[i + random.below(pool.size() - i)]);
    }
    means.push_back(mean_of(std::span(pool).first(count)));
  }
  constexpr double kTail = 0.025;
  return {
      .mean = mean_of(scores), .low = quantile(means, kTail), .high = quantile(means, 1 - kTail)};
}

std::optional<Correlation> rank_correlation(std::span<const double> a, std::span<const double> b) {
  INCIPIT_CHECK(a.size() == b.size());
  constexpr std::size_t kFewest = 4;
  if (a.size() < kFewest) return std::nullopt;
  const std::vector<double> x = ranks_of(a);
  const std::vector<double> y = ranks_of(b);
  const double middle = static_cast<double>(a.size() + 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  constexpr double kQuantile = 1.959963984540054;
  const double r = std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
  const double reach = kQuantile * std::sqrt((1 + r * r / 2) / static_cast<double>(a.size() - 3));
  return Correlation{.value = r,
                     .low = std::tanh(std::atanh(r) - reach),
                     .high = std::tanh(std::atanh(r) + reach)};
}

}  // namespace incipit::eval
