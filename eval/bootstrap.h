// How sure a score over test examples is, and the gain of one method over another: the paired
// bootstrap (Efron 1979; on test sets, Koehn 2004).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace incipit::eval {

// A mean over the examples with its 95 % percentile interval over the resamples.
struct MeanInterval {
  double mean = 0;
  double low = 0;
  double high = 0;
  [[nodiscard]] bool excludes_zero() const { return low > 0 || high < 0; }
};

// Draws as many examples as there are, with replacement, again and again, and looks at the means
// of all methods over each such draw. All methods are looked at on the same draws, so what makes
// an example hard for all of them cancels out of a gain. A pure function of its arguments.
class PairedBootstrap {
 public:
  static constexpr std::int64_t kResamples = 10'000;
  static constexpr std::uint64_t kSeed = 17;

  // `scores[m][i]`: what method m got on example i, say 1 where it was right; over several seeds
  // the mean of theirs. All rows are of one size, above 0; `resamples` is above 0.
  explicit PairedBootstrap(const std::vector<std::vector<double>>& scores,
                           std::int64_t resamples = kResamples, std::uint64_t seed = kSeed);

  [[nodiscard]] MeanInterval mean(std::size_t method) const;
  // Of mean(method) - mean(over).
  [[nodiscard]] MeanInterval gain(std::size_t method, std::size_t over) const;

 private:
  std::vector<double> means_;                   // [methods], over the examples as they are
  std::vector<std::vector<double>> resampled_;  // [methods][resamples]
};

// The value below which the share `q` of `values` lies, linearly between neighbours (NumPy's
// default). `values` is not empty; q in [0, 1].
[[nodiscard]] double quantile(std::vector<double> values, double q);

}  // namespace incipit::eval
