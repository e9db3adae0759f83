// Figures computed from one run's predictions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/task_metrics.h"
#include "eval/confusion.h"
#include "report/run_data.h"

namespace incipit::report {

// Figures over the labelled examples of a split.
struct SplitFigures {
  std::string split;
  std::vector<std::string> labels;  // class c is labels[c]
  eval::Confusion confusion;
  double accuracy = 0;
  data::Interval accuracy_95;
  double macro_f1 = 0;
  std::string majority_label;
  double majority_share = 0;  // share of examples with this label
};

// Returns all labels that occur, as label, as prediction or in scores; those in scores come first.
[[nodiscard]] std::vector<std::string> labels_of(const std::vector<EvaluatedExample>& predictions);

// Computes a split's figures. `majority_label`: the most frequent label of the training split, if
// known; empty: that of the split itself. At least one example must be labelled.
[[nodiscard]] SplitFigures figures_of(const std::string& split,
                                      const std::vector<EvaluatedExample>& predictions,
                                      const std::string& majority_label);

// Returns whether any example is labelled.
[[nodiscard]] bool is_labelled(const std::vector<EvaluatedExample>& predictions);

// Returns the most frequent label; of several, the first to occur. Empty if nothing is labelled.
[[nodiscard]] std::string most_frequent_label(const std::vector<EvaluatedExample>& predictions);

struct WrongAnswer {
  const EvaluatedExample* prediction = nullptr;
  double given = 0;  // probability, over the labels, of the given answer ...
  double right = 0;  // ... and of the correct label
};

// Returns the wrong predictions, at most `most`, sorted by `given` - `right`, largest first.
// Predictions without scores are skipped.
[[nodiscard]] std::vector<WrongAnswer> worst_errors(
    const std::vector<EvaluatedExample>& predictions, std::size_t most);

}  // namespace incipit::report
