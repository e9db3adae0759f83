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

std::vector<ResampledMethod> means_of(const std::vector<std::vector<double>>& scores) {
  std::vector<ResampledMethod> methods;
  for (const std::vector<double>& own : scores) {
    methods.push_back({own, 1, [](std::span<const double> sums, std::int64_t examples) {
                         return sums[0] / static_cast<double>(examples);
                       }});
  }
  return methods;
}

// The statistics of all methods, by example, so that a draw reads contiguous memory.
struct ByExample {
  std::size_t width = 0;
  std::vector<double> values;

  explicit ByExample(const std::vector<ResampledMethod>& methods, std::size_t examples) {
    for (const ResampledMethod& method : methods) width += method.width;
    values.reserve(examples * width);
    for (std::size_t i = 0; i < examples; ++i) {
      for (const ResampledMethod& method : methods) {
        const double* own = method.statistics.data() + i * method.width;
        values.insert(values.end(), own, own + method.width);
      }
    }
  }
  void add(std::size_t example, std::vector<double>& sums) const {
    const double* drawn = &values[example * width];
    for (std::size_t k = 0; k < width; ++k) sums[k] += drawn[k];
  }
};

}  // namespace

PairedBootstrap::PairedBootstrap(const std::vector<ResampledMethod>& methods,
                                 std::int64_t resamples, std::uint64_t seed) {
  INCIPIT_CHECK(!methods.empty() && !methods[0].statistics.empty() && resamples > 0,
                "nothing to resample");
  const std::size_t examples = methods[0].statistics.size() / methods[0].width;
  for (const ResampledMethod& method : methods) {
    INCIPIT_CHECK(method.statistics.size() == examples * method.width,
                  "methods scored on different examples");
  }
  const ByExample by_example(methods, examples);
  const auto score_all = [&](const std::vector<double>& sums, const auto& take) {
    std::size_t begin = 0;
    for (std::size_t m = 0; m < methods.size(); ++m) {
      const auto own = std::span(sums).subspan(begin, methods[m].width);
      take(m, methods[m].score(own, static_cast<std::int64_t>(examples)));
      begin += methods[m].width;
    }
  };
  std::vector<double> sums(by_example.width);
  for (std::size_t i = 0; i < examples; ++i) by_example.add(i, sums);
  means_.resize(methods.size());
  score_all(sums, [&](std::size_t m, double score) { means_[m] = score; });
  resampled_.assign(methods.size(), std::vector<double>(static_cast<std::size_t>(resamples)));
  Random random(seed);
  for (std::size_t r = 0; r < static_cast<std::size_t>(resamples); ++r) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t i = 0; i < examples; ++i) by_example.add(random.below(examples), sums);
    score_all(sums, [&](std::size_t m, double score) { resampled_[m][r] = score; });
  }
}

PairedBootstrap::PairedBootstrap(const std::vector<std::vector<double>>& scores,
                                 std::int64_t resamples, std::uint64_t seed)
    : PairedBootstrap(means_of(scores), resamples, seed) {}

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
