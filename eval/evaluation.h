// A split, scored, and its metrics: the one evaluator behind all methods.
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
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "model/backbone.h"

namespace incipit::eval {

// Values by name, in the order of metric_names().
using Metrics = std::vector<std::pair<std::string, double>>;

// What a split of the task is measured by: the task's `metrics`, or for a task that
// generates, "loss", the mean negative log-likelihood of the target tokens.
[[nodiscard]] std::vector<std::string> metric_names(const data::Task& task);
[[nodiscard]] bool higher_is_better(const std::string& metric);

// The indices of `results` by `metric`, from the best on; equal ones keep their order.
[[nodiscard]] std::vector<std::size_t> ranking(std::span<const Metrics> results,
                                               const std::string& metric);

struct SplitResult {
  Scores scores;    // of a task that generates: of the one candidate that is the target
  Metrics metrics;  // of the labelled examples; empty when there are none
};

// Collective over `ranks`, as score_candidates() is, with the same errors.
[[nodiscard]] SplitResult evaluate(const model::Backbone& backbone, const data::Task& task,
                                   const data::Dataset& split,
                                   const std::optional<at::Tensor>& prompt,
                                   const EvalOptions& options, comm::Communicator& ranks,
                                   const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
