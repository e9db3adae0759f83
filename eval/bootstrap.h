// Confidence intervals of a method's score on test examples, and of one method's gain over another,
// by the paired bootstrap (Efron 1979; for test sets, Koehn 2004).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace incipit::eval {

// A mean or another score over the examples, with its 95 % percentile interval over the resamples.
struct MeanInterval {
  double mean = 0;
  double low = 0;
  double high = 0;
  [[nodiscard]] bool excludes_zero() const { return low > 0 || high < 0; }
};

// Statistics of a method's answers to the examples, and the score of their sums over any sample.
struct ResampledMethod {
  std::vector<double> statistics;  // [examples][width]
  std::size_t width = 1;
  std::function<double(std::span<const double> sums, std::int64_t examples)> score;
};

// Resamples the examples with replacement, each resample as large as the dataset, and computes the
// score of every method on it. All methods share the same resamples, so the difficulty of an
// example cancels out of a gain. A pure function of its arguments.
class PairedBootstrap {
 public:
  static constexpr std::int64_t kResamples = 10'000;
  static constexpr std::uint64_t kSeed = 17;

  // All methods have the same number of examples, above 0; `resamples` is above 0.
  explicit PairedBootstrap(const std::vector<ResampledMethod>& methods,
                           std::int64_t resamples = kResamples, std::uint64_t seed = kSeed);

  // Scores are means: `scores[m][i]` is the score of method m on example i, for instance 1 if it
  // was right; with several seeds, the mean over the seeds.
  explicit PairedBootstrap(const std::vector<std::vector<double>>& scores,
                           std::int64_t resamples = kResamples, std::uint64_t seed = kSeed);

  [[nodiscard]] MeanInterval mean(std::size_t method) const;
  // The interval of mean(method) - mean(over).
  [[nodiscard]] MeanInterval gain(std::size_t method, std::size_t over) const;

 private:
  std::vector<double> means_;                   // [methods], over the original examples
  std::vector<std::vector<double>> resampled_;  // [methods][resamples]
};

// Returns the `q` quantile of `values`, interpolated linearly between neighbours (NumPy's default).
// `values` is not empty; `q` is in [0, 1].
[[nodiscard]] double quantile(std::vector<double> values, double q);

}  // namespace incipit::eval
