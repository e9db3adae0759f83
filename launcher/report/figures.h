// Figures of one run's predictions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/task_metrics.h"
#include "eval/confusion.h"
#include "launcher/report/run_data.h"

namespace incipit::launcher::report {

// Of the labelled examples of a split.
struct SplitFigures {
  std::string split;
  std::vector<std::string> labels;  // class c is labels[c]
  eval::Confusion confusion;
  double accuracy = 0;
  data::Interval accuracy_95;
  double macro_f1 = 0;
  std::string majority_label;
  double majority_share = 0;  // of examples that have this label
};

// All labels that occur, as label, prediction or in scores: those of the scores first.
[[nodiscard]] std::vector<std::string> labels_of(const std::vector<Prediction>& predictions);

// `majority_label`: the most frequent one of train, where it is known; empty: that of the split
// itself. There is a labelled example.
[[nodiscard]] SplitFigures figures_of(const std::string& split,
                                      const std::vector<Prediction>& predictions,
                                      const std::string& majority_label);

// Whether there is a labelled example.
[[nodiscard]] bool is_labelled(const std::vector<Prediction>& predictions);

// The most frequent label; of several, the first to occur. Empty when nothing is labelled.
[[nodiscard]] std::string most_frequent_label(const std::vector<Prediction>& predictions);

struct WrongAnswer {
  const Prediction* prediction = nullptr;
  double given = 0;  // probability, among the labels, of the answer that was given ...
  double right = 0;  // ... and of the label
};

// The wrong predictions, the most confident first, at most `most`; those without scores are left
// out.
[[nodiscard]] std::vector<WrongAnswer> worst_errors(const std::vector<Prediction>& predictions,
                                                    std::size_t most);

}  // namespace incipit::launcher::report
