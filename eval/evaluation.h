// A split, answered, and its metrics: the one evaluator behind all methods.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "data/task_metrics.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "model/backbone.h"

namespace incipit::eval {

// Values by name, in the order of metric_names().
using Metrics = std::vector<std::pair<std::string, double>>;
// 95 % intervals (Wilson) of those metrics that are shares, in the same order.
using Intervals = std::vector<std::pair<std::string, data::Interval>>;

// Whether a split of the task is measured by "loss", the mean negative log-likelihood of the target
// tokens: answers are texts, and nothing but the target says what would be right.
[[nodiscard]] bool reports_loss(const data::Task& task);

// What a split of the task is measured by: the task's `metrics`. Where it reports its loss, "loss"
// goes first, and only metrics of texts follow; where answers are texts and there are references,
// text_f1 and text_exact_match unless the task names one of them.
[[nodiscard]] std::vector<std::string> metric_names(const data::Task& task);
[[nodiscard]] bool higher_is_better(const std::string& metric);

// The indices of `results` by `metric`, from the best on; equal ones keep their order.
[[nodiscard]] std::vector<std::size_t> ranking(std::span<const Metrics> results,
                                               const std::string& metric);

struct SplitResult {
  Scores scores;                      // empty where only the loss is asked for
  Metrics metrics;                    // of the labelled examples; empty when there are none
  Intervals intervals{};              // of the metrics that are shares
  std::vector<std::string> labels{};  // the task's, which predictions without candidates index
};

// Answers as the task says (eval/answers.h) and compares with labels and references. Collective
// over `ranks`; throws as answer_examples() does, and DataError where a metric cannot be computed
// on this split: gender_parity without whole pairs, the loss without targets.
[[nodiscard]] SplitResult evaluate(const model::Backbone& backbone, const data::Task& task,
                                   const data::Dataset& split,
                                   const std::optional<at::Tensor>& prompt,
                                   const EvalOptions& options, comm::Communicator& ranks,
                                   const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
