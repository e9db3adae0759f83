// Whether a run has learned anything, judged from its losses and its predictions.
//
// A run that learns nothing looks like one that learns: its loss falls, to that of answering
// with the labels' frequencies whatever the input says, and stays there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/task_metrics.h"
#include "prompt/prompt_options.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

enum class Verdict {
  kLearned,     // better on select than the most frequent label, beyond chance
  kNotLearned,  // no better, or the loss is that of guessing
  kDiverged,    // the loss rose, or was not finite
  kUndecided,   // there is too little to go by
};

// "learned", "not_learned", "diverged", "undecided".
[[nodiscard]] std::string verdict_name(Verdict verdict);

struct LabelCount {
  std::int64_t examples = 0;  // of train
  std::int64_t tokens = 0;    // of the target of one of them
};

// The loss, as `loss` counts it, of a model that knows how often each label occurs and what
// labels look like, and nothing else: the entropy of the labels, in nats per target token or, for
// Loss::kCandidates, per example. 0 when there are no examples.
[[nodiscard]] double label_prior_loss(std::span<const LabelCount> labels, Loss loss);

struct Evidence {
  std::vector<double> losses;          // of every step, in order; NaN: was not finite
  std::vector<std::string> labels;     // names; empty: a task that generates
  std::optional<double> prior_loss{};  // label_prior_loss()
  // Of one evaluation of the select split, by example; empty: there was none.
  std::vector<int> predictions{};
  std::vector<int> answers{};
  // What the run was asked to do; the advice goes on from there.
  TrainOptions train{};
  prompt::PromptOptions method{};
  std::int64_t shots = 0;
};

// What the judgement was made of.
struct Figures {
  std::optional<double> first_loss;  // means over the first and last fifth of the steps,
  std::optional<double> last_loss;   // at most 50
  std::optional<double> prior_loss;
  std::optional<double> accuracy;  // on select
  data::Interval accuracy_95;
  double majority_share = 0;    // of select's most frequent label
  std::string majority_label;   // its name
  double predicted_share = 0;   // of what is predicted most
  std::string predicted_label;  // its name; empty: none of the labels
};

struct Diagnosis {
  Verdict verdict = Verdict::kUndecided;
  std::string summary;                // one sentence
  std::vector<std::string> findings;  // sentences with figures
  std::vector<std::string> advice;    // what to try, in order; empty when learned
  Figures figures;
};

// Pure. `predictions` and `answers` are of one size.
[[nodiscard]] Diagnosis diagnose(const Evidence& evidence);

// "148 of 150 select examples are answered 'roads', which 61 are", when nearly all
// predictions are of one label that is not nearly always right; else nothing.
[[nodiscard]] std::optional<std::string> one_label_predicted(std::span<const int> predictions,
                                                             std::span<const int> answers,
                                                             std::span<const std::string> labels);

}  // namespace incipit::trainer
