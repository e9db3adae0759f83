#include "eval/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "eval/answer_loss.h"
#include "eval/answers.h"
#include "eval/bootstrap.h"

namespace incipit::eval {
namespace {

constexpr std::int64_t kIntervalResamples = 1000;

// Returns the mean negative log-likelihood of the targets' tokens.
double target_loss(const methods::Prompted& model, const data::Task& task,
                   const data::Dataset& split, const EvalOptions& options,
                   comm::Communicator& ranks, const ScoringProgress& on_progress) {
  const auto losses = target_losses(model, task, split, options, ranks, on_progress);
  double tokens = 0;
  for (const data::Example& example : split) tokens += static_cast<double>(example.target.size());
  return std::accumulate(losses.begin(), losses.end(), 0.0) / tokens;
}

// Pairs are adjacent records, so one missing record would shift all later pairs.
void check_pairs(const data::Task& task, const data::Dataset& split) {
  const auto& metrics = task.options().metrics;
  if (std::count(metrics.begin(), metrics.end(), "gender_parity") == 0) return;
  if (split.size() % 2 == 0 && split.skipped() == 0) return;
  throw DataError(split.file() + ": has " + std::to_string(split.size()) + " examples" +
                  (split.skipped() > 0 ? " after skipped records" : "") +
                  ", and gender_parity compares pairs of neighbours; give the whole file, or take "
                  "gender_parity out of task.metrics");
}

// Collects the answers to the examples whose right answer is known.
data::Answers labelled_answers(const data::Task& task, const data::Dataset& split,
                               const Scores& scores) {
  data::Answers answers;
  for (std::int64_t i = 0; i < split.size(); ++i) {
    const data::Example& example = split[i];
    const bool known = example.label >= 0 || (task.labels().empty() && !example.references.empty());
    if (!known) continue;
    answers.predictions.push_back(scores.predictions[static_cast<std::size_t>(i)]);
    answers.labels.push_back(example.label);
    answers.groups.push_back(example.metric_group);
    answers.texts.push_back(scores.texts[static_cast<std::size_t>(i)]);
    answers.references.push_back(example.references);
  }
  return answers;
}

std::optional<data::Interval> interval_of(const std::string& metric, const data::MetricValue& value,
                                          const data::Answers& answers) {
  if (value.of > 0) {
    return data::wilson_interval(std::llround(value.value * static_cast<double>(value.of)),
                                 value.of);
  }
  const data::TextMetric* text = data::find_text_metric(metric);
  if (text == nullptr) return std::nullopt;
  return text_interval(*text, data::statistics_of(*text, answers.texts, answers.references));
}

Metrics metric_values(const data::Task& task, const data::Answers& answers) {
  Metrics metrics;
  for (const std::string& name : metric_names(task)) {
    if (name == data::kLoss) continue;
    metrics.emplace_back(name, data::compute_metric(name, answers).value);
  }
  return metrics;
}

bool has_loss(const data::TaskOptions& task) {
  const auto names = data::metrics_of(task);
  return std::find(names.begin(), names.end(), data::kLoss) != names.end();
}

// Puts the metrics into the order of metric_names().
void sort_metrics(const data::Task& task, Metrics& metrics) {
  const auto names = metric_names(task);
  const auto place = [&](const auto& metric) {
    return std::find(names.begin(), names.end(), metric.first);
  };
  std::stable_sort(metrics.begin(), metrics.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

}  // namespace

void add_metrics(const data::Task& task, const data::Dataset& split, SplitResult& result) {
  const data::Answers answers = labelled_answers(task, split, result.scores);
  if (answers.labels.empty()) return;
  for (const std::string& name : metric_names(task)) {
    if (name == data::kLoss) continue;
    const data::MetricValue value = data::compute_metric(name, answers);
    result.metrics.emplace_back(name, value.value);
    if (const auto interval = interval_of(name, value, answers)) {
      result.intervals.emplace_back(name, *interval);
    }
  }
}

std::vector<std::string> metric_names(const data::Task& task) {
  return data::metrics_of(task.options());
}

bool higher_is_better(const std::string& metric) { return metric != data::kLoss; }

data::Interval text_interval(const data::TextMetric& metric,
                             const std::vector<double>& statistics) {
  const PairedBootstrap bootstrap({ResampledMethod{statistics, metric.width, metric.score}},
                                  kIntervalResamples);
  const MeanInterval interval = bootstrap.mean(0);
  return {interval.low, interval.high};
}

std::optional<ConstantAnswer> constant_answer(const data::Task& task, const data::Dataset& split) {
  const bool free = data::answers_freely(task.options());
  if (!free && task.labels().empty()) return std::nullopt;
  Scores none;
  none.predictions.assign(static_cast<std::size_t>(split.size()), 0);
  none.texts.resize(static_cast<std::size_t>(split.size()));
  data::Answers answers = labelled_answers(task, split, none);
  if (answers.labels.empty()) return std::nullopt;
  ConstantAnswer constant;
  if (free) {
    std::vector<std::string> first;
    for (const auto& each : answers.references) first.push_back(each.front());
    constant.answer = data::most_frequent(first);
    answers.texts.assign(answers.texts.size(), constant.answer);
  } else {
    const int label = data::most_frequent(answers.labels);
    constant.answer = task.labels().at(static_cast<std::size_t>(label));
    answers.predictions.assign(answers.predictions.size(), label);
    answers.texts.assign(answers.texts.size(), constant.answer);
  }
  constant.metrics = metric_values(task, answers);
  return constant;
}

Metrics answer_metrics(const data::Task& task, const data::Dataset& split, const Scores& scores) {
  const data::Answers answers = labelled_answers(task, split, scores);
  return answers.labels.empty() ? Metrics() : metric_values(task, answers);
}

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

SplitResult evaluate(const methods::Prompted& model, const data::Task& task,
                     const data::Dataset& split, const EvalOptions& options,
                     comm::Communicator& ranks, const ScoringProgress& on_progress) {
  check_pairs(task, split);
  SplitResult result;
  result.labels = task.labels();
  result.finds_entities = task.options().kind == data::TaskKind::kTokenClassification;
  if (has_loss(task.options())) {
    result.metrics.emplace_back(data::kLoss,
                                target_loss(model, task, split, options, ranks, on_progress));
    if (metric_names(task).size() == 1) return result;
  }
  result.scores = answer_examples(model, task, split, options, ranks, on_progress);
  add_metrics(task, split, result);
  sort_metrics(task, result.metrics);
  return result;
}

std::vector<SplitResult> evaluate_together(const methods::PromptedModel& model,
                                           std::span<const std::size_t> prompts,
                                           const data::Task& task, const data::Dataset& split,
                                           const EvalOptions& options, comm::Communicator& ranks,
                                           const ScoringProgress& on_progress) {
  std::vector<SplitResult> results;
  if (answers_by_generation(task) || has_loss(task.options())) {
    for (const std::size_t prompt : prompts) {
      results.push_back(evaluate({model, prompt}, task, split, options, ranks, on_progress));
    }
    return results;
  }
  check_pairs(task, split);
  for (Scores& scores : score_together(model, prompts, task, split, options, ranks, on_progress)) {
    SplitResult& result = results.emplace_back();
    result.labels = task.labels();
    result.scores = std::move(scores);
    add_metrics(task, split, result);
  }
  return results;
}

}  // namespace incipit::eval
