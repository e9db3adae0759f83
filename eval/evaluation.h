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
#include "data/text_metrics.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// Metric values by name, in the order of metric_names().
using Metrics = std::vector<std::pair<std::string, double>>;
// 95 % intervals, in the same order: Wilson's of the metrics that are proportions, the bootstrap's
// of the other text metrics.
using Intervals = std::vector<std::pair<std::string, data::Interval>>;

// Returns the metrics reported for a split: data::metrics_of() the task.
[[nodiscard]] std::vector<std::string> metric_names(const data::Task& task);
[[nodiscard]] bool higher_is_better(const std::string& metric);

// Returns the 95 % bootstrap interval of a text metric over the examples.
[[nodiscard]] data::Interval text_interval(const data::TextMetric& metric,
                                           const std::vector<double>& statistics);

// Returns the indices of `results` sorted by `metric`, best first. Ties keep their order.
[[nodiscard]] std::vector<std::size_t> ranking(std::span<const Metrics> results,
                                               const std::string& metric);

struct SplitResult {
  Scores scores;    // empty when only the loss is requested
  Metrics metrics;  // over the labelled examples; empty if there are none
  Intervals intervals{};
  bool finds_entities = false;        // texts are entities, in JSON
  std::vector<std::string> labels{};  // the task's; predictions without candidates index these
};

// Always giving one answer: the baseline that needs no model.
struct ConstantAnswer {
  std::string answer;  // the split's most frequent label or, of free answers, right answer
  Metrics metrics;     // except the loss
};

// Returns the constant answer to a split; nothing if each record has its own candidates, or no
// example has a label or reference.
[[nodiscard]] std::optional<ConstantAnswer> constant_answer(const data::Task& task,
                                                            const data::Dataset& split);

// Returns the metrics of answers, without the loss, over the labelled examples; empty if there are
// none.
[[nodiscard]] Metrics answer_metrics(const data::Task& task, const data::Dataset& split,
                                     const Scores& scores);

// Computes the task's metrics of result.scores over the labelled examples, except for the loss.
void add_metrics(const data::Task& task, const data::Dataset& split, SplitResult& result);

// Answers the examples as the task says (eval/answers.h) and compares the answers with labels and
// references. "loss" is the mean negative log-likelihood of the tokens of free answers' targets.
// Throws what answer_examples() throws, and DataError when a metric cannot be computed on this
// split: gender_parity without complete pairs, or the loss without targets. Collective over
// `ranks`.
[[nodiscard]] SplitResult evaluate(const methods::Prompted& model, const data::Task& task,
                                   const data::Dataset& split, const EvalOptions& options,
                                   comm::Communicator& ranks,
                                   const ScoringProgress& on_progress = nullptr);

// The same with several of the model's prompts, whose results it returns in order. Candidates are
// scored in passes that all prompts share (score_together()).
[[nodiscard]] std::vector<SplitResult> evaluate_together(
    const methods::PromptedModel& model, std::span<const std::size_t> prompts,
    const data::Task& task, const data::Dataset& split, const EvalOptions& options,
    comm::Communicator& ranks, const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
