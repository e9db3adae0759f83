// Figures of free answers.
#include <algorithm>
#include <cmath>

#include "eval/evaluation.h"
#include "report/figures.h"

namespace incipit::report {
namespace {

data::Interval interval_of(const data::TextMetric& metric, const std::vector<double>& statistics,
                           double value, std::int64_t examples) {
  if (!metric.is_share) return eval::text_interval(metric, statistics);
  return data::wilson_interval(std::llround(value * static_cast<double>(examples)), examples);
}

}  // namespace

bool is_free_text(const std::vector<EvaluatedExample>& predictions) {
  return !is_labelled(predictions) &&
         std::any_of(predictions.begin(), predictions.end(),
                     [](const EvaluatedExample& each) { return !each.references.empty(); });
}

FreeAnswers free_answers(const std::vector<EvaluatedExample>& predictions) {
  FreeAnswers answers;
  for (const EvaluatedExample& each : predictions) {
    if (each.references.empty()) continue;
    answers.texts.push_back(each.prediction);
    answers.references.push_back(each.references);
  }
  return answers;
}

std::vector<const data::TextMetric*> text_metrics_of(const RunData& run) {
  std::vector<const data::TextMetric*> metrics;
  if (run.config) {
    for (const std::string& name : data::metrics_of(run.config->task)) {
      if (const data::TextMetric* metric = data::find_text_metric(name)) metrics.push_back(metric);
    }
  }
  if (metrics.empty()) {
    for (const char* name : {"text_f1", "text_exact_match"}) {
      metrics.push_back(data::find_text_metric(name));
    }
  }
  return metrics;
}

std::string most_frequent_reference(const FreeAnswers& answers) {
  std::vector<std::string> first;
  for (const auto& each : answers.references) first.push_back(each.front());
  return data::most_frequent(first);
}

TextFigures text_figures_of(const std::string& split,
                            const std::vector<EvaluatedExample>& predictions,
                            const std::vector<const data::TextMetric*>& metrics) {
  const FreeAnswers answers = free_answers(predictions);
  TextFigures figures{.split = split,
                      .examples = static_cast<std::int64_t>(answers.texts.size()),
                      .scores = {},
                      .constant = most_frequent_reference(answers)};
  const std::vector<std::string> constant(answers.texts.size(), figures.constant);
  for (const data::TextMetric* metric : metrics) {
    const auto statistics = data::statistics_of(*metric, answers.texts, answers.references);
    const double value = data::score_of(*metric, statistics);
    figures.scores.push_back(
        {.name = metric->name,
         .title = metric->title,
         .value = value,
         .value_95 = interval_of(*metric, statistics, value, figures.examples),
         .constant =
             data::score_of(*metric, data::statistics_of(*metric, constant, answers.references))});
  }
  return figures;
}

std::vector<ScoredAnswer> weakest_answers(const std::vector<EvaluatedExample>& predictions,
                                          const data::TextMetric& metric, std::size_t most) {
  std::vector<ScoredAnswer> answers;
  for (const EvaluatedExample& each : predictions) {
    if (each.references.empty()) continue;
    answers.push_back(
        {&each, data::score_of(metric, metric.statistics(each.prediction, each.references))});
  }
  std::stable_sort(answers.begin(), answers.end(),
                   [](const ScoredAnswer& a, const ScoredAnswer& b) { return a.score < b.score; });
  answers.resize(std::min(answers.size(), most));
  return answers;
}

}  // namespace incipit::report
