// Figures computed from one run's predictions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/task_metrics.h"
#include "data/text_metrics.h"
#include "eval/bootstrap.h"
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
  // Accuracy minus majority_share, by the comparison's paired bootstrap; set by gather().
  eval::MeanInterval gain = {};
};

// Returns all labels that occur, as label, as prediction or in scores; those in scores come first.
[[nodiscard]] std::vector<std::string> labels_of(const std::vector<EvaluatedExample>& predictions);

// Computes a split's figures. `majority_label`: the most frequent label of the training split, if
// known; empty: that of the split itself. At least one example must be labelled.
[[nodiscard]] SplitFigures figures_of(const std::string& split,
                                      const std::vector<EvaluatedExample>& predictions,
                                      const std::string& majority_label);

// A metric of free answers.
struct TextScore {
  std::string name;   // "bleu"
  std::string title;  // "BLEU"
  double value = 0;
  data::Interval value_95;
  double constant = 0;  // of always giving the most frequent right answer
};

// Figures over the free answers of a split whose right answers are known.
struct TextFigures {
  std::string split;
  std::int64_t examples = 0;
  std::vector<TextScore> scores;  // the first one decides
  std::string constant;           // the most frequent right answer
  // The first score minus that of the constant answer, by the comparison's paired bootstrap; set by
  // gather().
  eval::MeanInterval gain = {};
};

// Answers and references of the examples that have references.
struct FreeAnswers {
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> references;
};
[[nodiscard]] FreeAnswers free_answers(const std::vector<EvaluatedExample>& predictions);

// Returns the text metrics of the run's task, the deciding one first; without a configuration, the
// default ones.
[[nodiscard]] std::vector<const data::TextMetric*> text_metrics_of(const RunData& run);

// Computes the figures. At least one example must have references.
[[nodiscard]] TextFigures text_figures_of(const std::string& split,
                                          const std::vector<EvaluatedExample>& predictions,
                                          const std::vector<const data::TextMetric*>& metrics);

// Returns the most frequent right answer; of several, the first to occur.
[[nodiscard]] std::string most_frequent_reference(const FreeAnswers& answers);

// Returns whether the answers are free text: no example is labelled, and some have references.
[[nodiscard]] bool is_free_text(const std::vector<EvaluatedExample>& predictions);

struct ScoredAnswer {
  const EvaluatedExample* answer = nullptr;
  double score = 0;
};

// Returns the answers with references, at most `most`, by the metric's score on the example alone,
// lowest first.
[[nodiscard]] std::vector<ScoredAnswer> weakest_answers(
    const std::vector<EvaluatedExample>& predictions, const data::TextMetric& metric,
    std::size_t most);

// Returns whether any example is labelled.
[[nodiscard]] bool is_labelled(const std::vector<EvaluatedExample>& predictions);

// Returns the most frequent label; of several, the first to occur. Empty if nothing is labelled.
[[nodiscard]] std::string most_frequent_label(const std::vector<EvaluatedExample>& predictions);

struct WrongAnswer {
  const EvaluatedExample* prediction = nullptr;
  double given = 0;  // probability, over the labels, of the given answer ...
  double right = 0;  // ... and of the correct label
  // The label may be wrong: the model is at least as sure of its answer as it is, on average, in
  // the examples with that label (the criterion of confident learning, Northcutt et al. 2021). Only
  // where the model is clearly better than the majority and finds at least half of the examples
  // with the label that is doubted.
  bool doubts_label = false;
};

// Returns the wrong predictions, at most `most`, sorted by `given` - `right`, largest first.
// Predictions without scores are skipped.
[[nodiscard]] std::vector<WrongAnswer> worst_errors(
    const std::vector<EvaluatedExample>& predictions, std::size_t most);

}  // namespace incipit::report
