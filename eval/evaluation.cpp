#include "eval/evaluation.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "data/task_metrics.h"

namespace incipit::eval {
namespace {

constexpr const char* kLoss = "loss";

// Every example's target as the only candidate.
data::Dataset with_targets_as_candidates(const data::Dataset& split) {
  std::vector<data::Example> examples(split.begin(), split.end());
  for (data::Example& example : examples) {
    example.candidates = std::make_shared<data::Candidates>(
        data::Candidates{{.label = "target", .text = {}, .tokens = example.target}});
  }
  return {split.file(), std::move(examples), split.skipped()};
}

SplitResult evaluate_targets(const model::Backbone& backbone, const data::Task& task,
                             const data::Dataset& split, const std::optional<at::Tensor>& prompt,
                             EvalOptions options, comm::Communicator& ranks,
                             const ScoringProgress& on_progress) {
  if (!split.labelled()) {
    throw DataError(split.file() + ": task '" + task.options().name +
                    "' is measured by the likelihood of its targets, and an example has none");
  }
  options.score = Score::kSum;
  SplitResult result{.scores = score_candidates(backbone, task, with_targets_as_candidates(split),
                                                prompt, options, ranks, on_progress),
                     .metrics = {}};
  double likelihood = 0;
  double tokens = 0;
  for (std::int64_t i = 0; i < split.size(); ++i) {
    likelihood += result.scores.scores[i][0];
    tokens += static_cast<double>(split[i].target.size());
  }
  result.metrics.emplace_back(kLoss, -likelihood / tokens);
  return result;
}

Metrics compute_metrics(const data::Task& task, const data::Dataset& split, const Scores& scores) {
  std::vector<int> predictions;
  std::vector<int> labels;
  for (std::int64_t i = 0; i < split.size(); ++i) {
    if (split[i].label < 0) continue;
    predictions.push_back(scores.predictions[i]);
    labels.push_back(split[i].label);
  }
  Metrics metrics;
  if (labels.empty()) return metrics;
  for (const std::string& name : metric_names(task)) {
    metrics.emplace_back(name, data::compute_metric(name, predictions, labels));
  }
  return metrics;
}

}  // namespace

std::vector<std::string> metric_names(const data::Task& task) {
  return task.generates() ? std::vector<std::string>{kLoss} : task.options().metrics;
}

bool higher_is_better(const std::string& metric) { return metric != kLoss; }

std::vector<std::size_t> ranking(std::span<const Metrics> results, const std::string& metric) {
  std::vector<double> values;
  for (const Metrics& metrics : results) {
    const auto found = std::find_if(metrics.begin(), metrics.end(),
                                    [&](const auto& each) { return each.first == metric; });
    INCIPIT_CHECK(found != metrics.end(), "a result without ", metric);
    values.push_back(higher_is_better(metric) ? found->second : -found->second);
  }
  std::vector<std::size_t> order(results.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return order;
}

SplitResult evaluate(const model::Backbone& backbone, const data::Task& task,
                     const data::Dataset& split, const std::optional<at::Tensor>& prompt,
                     const EvalOptions& options, comm::Communicator& ranks,
                     const ScoringProgress& on_progress) {
  if (task.generates()) {
    return evaluate_targets(backbone, task, split, prompt, options, ranks, on_progress);
  }
  SplitResult result{
      .scores = score_candidates(backbone, task, split, prompt, options, ranks, on_progress),
      .metrics = {}};
  result.metrics = compute_metrics(task, split, result.scores);
  return result;
}

}  // namespace incipit::eval
