#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/random.h"

namespace incipit::eval {
namespace {

constexpr double kLow = 0.025;
constexpr double kHigh = 0.975;

MeanInterval interval(double mean, const std::vector<double>& resampled) {
  return {.mean = mean, .low = quantile(resampled, kLow), .high = quantile(resampled, kHigh)};
}

}  // namespace

PairedBootstrap::PairedBootstrap(const std::vector<std::vector<double>>& scores,
                                 std::int64_t resamples, std::uint64_t seed) {
  INCIPIT_CHECK(!scores.empty() && !scores[0].empty() && resamples > 0, "nothing to resample");
  const std::size_t methods = scores.size();
  const std::size_t examples = scores[0].size();
  std::vector<double> by_example(examples * methods);  // a draw reads contiguous memory
  for (std::size_t m = 0; m < methods; ++m) {
    INCIPIT_CHECK(scores[m].size() == examples, "methods scored on different examples");
    double sum = 0;
    for (std::size_t i = 0; i < examples; ++i) {
      by_example[i * methods + m] = scores[m][i];
      sum += scores[m][i];
    }
    means_.push_back(sum / static_cast<double>(examples));
  }
  resampled_.assign(methods, std::vector<double>(static_cast<std::size_t>(resamples)));
  Random random(seed);
  std::vector<double> sums(methods);
  for (std::size_t r = 0; r < static_cast<std::size_t>(resamples); ++r) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t i = 0; i < examples; ++i) {
      const double* drawn = &by_example[random.below(examples) * methods];
      for (std::size_t m = 0; m < methods; ++m) sums[m] += drawn[m];
    }
    for (std::size_t m = 0; m < methods; ++m) {
      resampled_[m][r] = sums[m] / static_cast<double>(examples);
    }
  }
}

MeanInterval PairedBootstrap::mean(std::size_t method) const {
  return interval(means_.at(method), resampled_[method]);
}

MeanInterval PairedBootstrap::gain(std::size_t method, std::size_t over) const {
  std::vector<double> differences(resampled_.at(method));
  for (std::size_t r = 0; r < differences.size(); ++r) differences[r] -= resampled_.at(over)[r];
  return interval(means_[method] - means_[over], differences);
}

double quantile(std::vector<double> values, double q) {
  INCIPIT_CHECK(!values.empty() && q >= 0 && q <= 1);
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(std::floor(place));
  std::nth_element(values.begin(), values.begin() + below, values.end());
  const double low = values[static_cast<std::size_t>(below)];
  if (static_cast<std::size_t>(below) + 1 == values.size()) return low;
  const double high = *std::min_element(values.begin() + below + 1, values.end());
  return low + (place - static_cast<double>(below)) * (high - low);
}

}  // namespace incipit::eval
