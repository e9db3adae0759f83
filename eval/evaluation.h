// Evaluates a split and computes its metrics. All methods use this one evaluator.
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
#include "methods/prompted_model.h"

namespace incipit::eval {

// Metric values by name, in the order of metric_names().
using Metrics = std::vector<std::pair<std::string, double>>;
// 95 % Wilson intervals of the metrics that are proportions, in the same order.
using Intervals = std::vector<std::pair<std::string, data::Interval>>;

// Whether the task reports "loss", the mean negative log-likelihood of the target tokens. It does
// when answers are free text and only the target says what is right.
[[nodiscard]] bool reports_loss(const data::Task& task);

// Returns the metrics reported for a split: the task's `metrics`. If the task reports its loss,
// "loss" comes first and only text metrics follow. If answers are free text and there are
// references, text_f1 and text_exact_match are reported unless the task names one of them.
[[nodiscard]] std::vector<std::string> metric_names(const data::Task& task);
[[nodiscard]] bool higher_is_better(const std::string& metric);

// Returns the indices of `results` sorted by `metric`, best first. Ties keep their order.
[[nodiscard]] std::vector<std::size_t> ranking(std::span<const Metrics> results,
                                               const std::string& metric);

struct SplitResult {
  Scores scores;                      // empty when only the loss is requested
  Metrics metrics;                    // over the labelled examples; empty if there are none
  Intervals intervals{};              // of the metrics that are proportions
  std::vector<std::string> labels{};  // the task's; predictions without candidates index these
};

// Answers the examples as the task says (eval/answers.h) and compares the answers with labels and
// references. Throws what answer_examples() throws, and DataError when a metric cannot be computed
// on this split: gender_parity without complete pairs, or the loss without targets. Collective over
// `ranks`.
[[nodiscard]] SplitResult evaluate(const methods::Prompted& model, const data::Task& task,
                                   const data::Dataset& split, const EvalOptions& options,
                                   comm::Communicator& ranks,
                                   const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
