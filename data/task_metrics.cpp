#include "data/task_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/check.h"

namespace incipit::data {

double accuracy(std::span<const int> predictions, std::span<const int> labels) {
  INCIPIT_CHECK(predictions.size() == labels.size());
  if (labels.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += predictions[i] == labels[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

double macro_f1(std::span<const int> predictions, std::span<const int> labels) {
  INCIPIT_CHECK(predictions.size() == labels.size());
  if (labels.empty()) return std::numeric_limits<double>::quiet_NaN();
  struct Count {
    double right = 0;
    double predicted = 0;
    double labelled = 0;
  };
  std::map<int, Count> counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++counts[predictions[i]].predicted;
    ++counts[labels[i]].labelled;
    if (predictions[i] == labels[i]) ++counts[labels[i]].right;
  }
  double sum = 0;
  for (const auto& [label, count] : counts) {
    sum += 2 * count.right / (count.predicted + count.labelled);
  }
  return sum / static_cast<double>(counts.size());
}

Interval wilson_interval(std::int64_t right, std::int64_t count) {
  if (count == 0) return {};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(right) / n;
  const double center = p + kZ * kZ / (2 * n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {std::max(0.0, (center - half) / scale), std::min(1.0, (center + half) / scale)};
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = {"accuracy", "macro_f1"};
  return names;
}

double compute_metric(const std::string& name, std::span<const int> predictions,
                      std::span<const int> labels) {
  if (name == "accuracy") return accuracy(predictions, labels);
  INCIPIT_CHECK(name == "macro_f1", "no metric is called ", name);
  return macro_f1(predictions, labels);
}

}  // namespace incipit::data
