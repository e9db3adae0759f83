// Scores of predictions against labels. All are fractions in [0, 1]; papers print them times 100.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace incipit::data {

struct Interval {
  double low = 0;
  double high = 1;
};

// Share of predictions equal to their label. The spans are of one size; NaN when empty.
[[nodiscard]] double accuracy(std::span<const int> predictions, std::span<const int> labels);

// Unweighted mean of the F1 of every label that occurs in predictions or labels; the F1 of a label
// never predicted rightly is 0 (scikit-learn's f1_score with average="macro"). NaN when empty.
[[nodiscard]] double macro_f1(std::span<const int> predictions, std::span<const int> labels);

// 95 % interval of a share of `right` of `count` (Wilson 1927). [0, 1] when count is 0.
[[nodiscard]] Interval wilson_interval(std::int64_t right, std::int64_t count);

// The names that a task's `metrics` may hold.
[[nodiscard]] const std::vector<std::string>& metric_names();

// Computes a metric by its name. Throws LogicError on any other name.
[[nodiscard]] double compute_metric(const std::string& name, std::span<const int> predictions,
                                    std::span<const int> labels);

}  // namespace incipit::data
