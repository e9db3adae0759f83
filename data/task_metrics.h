// Metrics of answers against labels and references. All are fractions in [0, 1], except Matthews'
// correlation in [-1, 1] and the loss; papers print them times 100.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/task_options.h"

namespace incipit::data {

struct Interval {
  double low = 0;
  double high = 1;
};

// A prediction of -1 is none of the labels: it is wrong, and F1 and Matthews' correlation count it
// as a separate class. The spans of a call have the same size.

// Fraction of predictions equal to their label. NaN when empty.
[[nodiscard]] double accuracy(std::span<const int> predictions, std::span<const int> labels);

// Unweighted mean of the F1 of every label that occurs in predictions or labels. A label never
// predicted correctly has F1 0 (scikit-learn's f1_score with average="macro"). NaN when empty.
[[nodiscard]] double macro_f1(std::span<const int> predictions, std::span<const int> labels);

// F1 of label 1, the second; over MultiRC's answers this is the official F1a. 0 if label 1 occurs
// in neither labels nor predictions; NaN when empty.
[[nodiscard]] double binary_f1(std::span<const int> predictions, std::span<const int> labels);

// Matthews correlation for any number of classes (Gorodkin 2004, as in scikit-learn). 0 where
// undefined, because all labels or all predictions are the same. NaN when empty.
[[nodiscard]] double matthews_correlation(std::span<const int> predictions,
                                          std::span<const int> labels);

// 95 % confidence interval of the proportion `right` of `count` (Wilson 1927). [0, 1] when count is
// 0.
[[nodiscard]] Interval wilson_interval(std::int64_t right, std::int64_t count);

// Answers and right answers: one entry per labelled example, in file order.
struct Answers {
  std::vector<int> predictions;
  std::vector<int> labels;
  std::vector<std::string> groups;  // metric groups; empty: its own group
  std::vector<std::string> texts;   // of the answers
  std::vector<std::vector<std::string>> references;
};

struct MetricValue {
  double value = 0;
  std::int64_t of = 0;  // for a proportion, its number of items; else 0
};

// The mean negative log-likelihood of a target's token, in nats. The evaluator computes it from the
// model (eval/evaluation.h), not from answers. Lower is better.
inline constexpr const char* kLoss = "loss";

// The metric of entities (data/text_metrics.h).
inline constexpr const char* kEntityF1 = "entity_f1";

// The metric names that a task's `metrics` may contain.
[[nodiscard]] const std::vector<std::string>& metric_names();

// Returns the metrics of a task: its `metrics`, or if it gives none accuracy, for free answers
// text_f1 and text_exact_match, and for entities entity_f1.
[[nodiscard]] std::vector<std::string> metrics_of(const TaskOptions& task);

// Whether an evaluation of the task generates answers. It does not if answers are free text and the
// loss is the only metric.
[[nodiscard]] bool generates_answers(const TaskOptions& task);

// Whether the metric compares texts with references (data/text_metrics.h).
[[nodiscard]] bool compares_texts(const std::string& metric);

// Whether the metric is a proportion of items that are right or wrong.
[[nodiscard]] bool is_share(const std::string& metric);

// Whether evaluations give the metric a 95 % interval.
[[nodiscard]] bool has_interval(const std::string& metric);

// Computes a metric by name. Only the data that it uses must be present. NaN without examples.
// Throws LogicError on an unknown name, and on "loss".
//
//   accuracy, macro_f1, f1 (binary_f1), matthews_correlation
//   group_exact_match   fraction of groups whose predictions are all right (MultiRC's questions)
//   gender_parity       fraction of pairs (examples 0 and 1, 2 and 3, ...) whose predictions are
//                       the same label (AX-g); an unpaired last example is ignored
//   and those of data/text_metrics.h
[[nodiscard]] MetricValue compute_metric(const std::string& name, const Answers& answers);

// Returns the most frequent of the values, of several the first to occur. There is at least one.
template <typename T>
[[nodiscard]] T most_frequent(const std::vector<T>& values) {
  std::map<T, std::int64_t> counts;
  for (const T& value : values) ++counts[value];
  return *std::max_element(values.begin(), values.end(),
                           [&](const T& a, const T& b) { return counts[a] < counts[b]; });
}

// Returns a benchmark's score: the mean over tasks of the mean of each task's metrics. `tasks` has
// the metrics of each task. SuperGLUE has eight tasks: AX-b and AX-g are diagnostics and do not
// count. NaN when there are no tasks, or a task without metrics.
[[nodiscard]] double overall_score(std::span<const std::vector<double>> tasks);

}  // namespace incipit::data
