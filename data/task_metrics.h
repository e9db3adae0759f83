// Scores of answers against labels and references. All are fractions in [0, 1], Matthews'
// correlation in [-1, 1]; papers print them times 100.
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

// A prediction of -1 is none of the labels: wrong, and for F1 and Matthews' correlation a class of
// its own. The spans of a call are of one size.

// Share of predictions equal to their label. NaN when empty.
[[nodiscard]] double accuracy(std::span<const int> predictions, std::span<const int> labels);

// Unweighted mean of the F1 of every label that occurs in predictions or labels; the F1 of a label
// never predicted rightly is 0 (scikit-learn's f1_score with average="macro"). NaN when empty.
[[nodiscard]] double macro_f1(std::span<const int> predictions, std::span<const int> labels);

// F1 of label 1, the second: over MultiRC's answers it is the official F1a. 0 where nothing is
// labelled or predicted so; NaN when empty.
[[nodiscard]] double binary_f1(std::span<const int> predictions, std::span<const int> labels);

// Of any number of classes (Gorodkin 2004, as scikit-learn's); 0 where it is undefined, because
// all labels or all predictions are the same. NaN when empty.
[[nodiscard]] double matthews_correlation(std::span<const int> predictions,
                                          std::span<const int> labels);

// 95 % interval of a share of `right` of `count` (Wilson 1927). [0, 1] when count is 0.
[[nodiscard]] Interval wilson_interval(std::int64_t right, std::int64_t count);

// What was answered, and what would be right: an entry per labelled example, in file order.
struct Answers {
  std::vector<int> predictions;
  std::vector<int> labels;
  std::vector<std::string> groups;  // metric groups; empty text: a group of its own
  std::vector<std::string> texts;   // of the answers
  std::vector<std::vector<std::string>> references;
};

struct MetricValue {
  double value = 0;
  std::int64_t of = 0;  // where it is the share of so many things that are right; else 0
};

// The names that a task's `metrics` may hold.
[[nodiscard]] const std::vector<std::string>& metric_names();

// Whether the metric compares texts with references; all others compare predictions with labels.
[[nodiscard]] bool compares_texts(const std::string& metric);

// Whether the metric is the share of something that is right or wrong, so that an interval of it
// is known.
[[nodiscard]] bool is_share(const std::string& metric);

// Computes a metric by its name; only what it looks at need be there. NaN without examples. Throws
// LogicError on any other name.
//
//   accuracy, macro_f1, f1 (binary_f1), matthews_correlation
//   group_exact_match   share of the groups whose every prediction is right (MultiRC's questions)
//   gender_parity       share of the pairs (examples 0 and 1, 2 and 3, ...) whose predictions are
//                       the same label (AX-g); a last one without its other is left out
//   text_f1, text_exact_match   of data/answer_text.h, the mean over examples (ReCoRD's)
[[nodiscard]] MetricValue compute_metric(const std::string& name, const Answers& answers);

// A benchmark's score: `tasks` holds the metrics of each task; a task counts as the mean of its
// own, the benchmark as the mean of its tasks. SuperGLUE's has eight tasks: AX-b and AX-g, being
// diagnostics, do not count. NaN when there are no tasks, or one without metrics.
[[nodiscard]] double overall_score(std::span<const std::vector<double>> tasks);

}  // namespace incipit::data
