// Decides from a run's losses and predictions whether training converged.
//
// A run that learns nothing can look healthy: its loss falls to the label-prior loss, that of
// predicting label frequencies regardless of the input, and stays there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/task_metrics.h"
#include "methods/method_options.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

enum class Verdict {
  // The 95 % interval of the validation score is above the baseline's score: that of always giving
  // the majority label or, of free answers, the most frequent right answer.
  kLearned,
  // The interval is below it; or it includes it, and the loss is at the label prior or nearly all
  // answers are the same.
  kNotLearned,
  kDiverged,   // not learned, and the loss rose or was not finite
  kUndecided,  // too little evidence
};

// Returns "learned", "not_learned", "diverged" or "undecided".
[[nodiscard]] std::string verdict_name(Verdict verdict);

struct LabelCount {
  std::int64_t examples = 0;  // in the training split
  std::int64_t tokens = 0;    // in this label's target
};

// Returns the loss of a model that knows only the label frequencies and the label texts: the
// entropy of the labels, in nats per target token or, for Loss::kCandidates, per example. 0 when
// there are no examples.
[[nodiscard]] double label_prior_loss(std::span<const LabelCount> labels, Loss loss);

// Free answers of one evaluation of the validation split.
struct FreeAnswers {
  std::string metric;  // as tables show it: "BLEU"
  double score = 0;
  data::Interval score_95;
  std::string constant;       // the most frequent right answer, ...
  double constant_score = 0;  // ... and the score of always giving it
  std::string given;          // the most frequent answer, ...
  std::int64_t times_given = 0;
  std::int64_t examples = 0;  // ... of so many
};

struct Evidence {
  std::vector<double> losses;          // per step, in order; NaN: not finite
  std::vector<std::string> labels;     // label names; empty: a generation task
  std::optional<double> prior_loss{};  // label_prior_loss()
  // One evaluation of the validation split, per example; empty: none was made.
  std::vector<int> predictions{};
  std::vector<int> answers{};
  std::optional<FreeAnswers> free{};  // instead of both, for a generation task
  // The run's options. The advice refers to them.
  TrainOptions train{};
  methods::MethodOptions method{};
  std::int64_t shots = 0;
};

// The figures on which the verdict is based.
struct Figures {
  std::optional<double> first_loss;  // means over the first and last fifth of the steps,
  std::optional<double> last_loss;   // at most 50 steps each
  std::optional<double> prior_loss;
  std::optional<double> accuracy;  // on the validation split
  data::Interval accuracy_95;
  double majority_share = 0;    // share of the validation split's most frequent label
  std::string majority_label;   // its label name
  double predicted_share = 0;   // share of the most frequent prediction
  std::string predicted_label;  // its label name; empty: not one of the labels
  std::optional<FreeAnswers> free;
};

struct Diagnosis {
  Verdict verdict = Verdict::kUndecided;
  std::string summary;                // one sentence
  std::vector<std::string> findings;  // sentences with figures
  std::vector<std::string> advice;    // what to try, in order; empty for kLearned
  Figures figures;
};

// Pure function. `predictions` and `answers` must have the same size.
[[nodiscard]] Diagnosis diagnose(const Evidence& evidence);

// Returns, for example, "148 of 150 validation examples are answered 'roads', which 61 are" when
// nearly all predictions are one label that is not nearly always correct; otherwise nothing.
[[nodiscard]] std::optional<std::string> one_label_predicted(std::span<const int> predictions,
                                                             std::span<const int> answers,
                                                             std::span<const std::string> labels);

}  // namespace incipit::trainer
