#include "data/task_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "data/text_metrics.h"

namespace incipit::data {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_right(int prediction, int label) { return prediction == label && label >= 0; }

// Counts how often a class was predicted, was the label, and was both.
struct Count {
  double right = 0;
  double predicted = 0;
  double labelled = 0;
  [[nodiscard]] double f1() const { return 2 * right / (predicted + labelled); }
};

std::map<int, Count> count_classes(std::span<const int> predictions, std::span<const int> labels) {
  INCIPIT_CHECK(predictions.size() == labels.size());
  std::map<int, Count> counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++counts[predictions[i]].predicted;
    ++counts[labels[i]].labelled;
    if (predictions[i] == labels[i]) ++counts[labels[i]].right;
  }
  return counts;
}

MetricValue share(std::int64_t right, std::int64_t of) {
  return {of == 0 ? kNaN : static_cast<double>(right) / static_cast<double>(of), of};
}

MetricValue group_exact_match(const Answers& answers) {
  INCIPIT_CHECK(answers.predictions.size() == answers.labels.size() &&
                answers.groups.size() == answers.labels.size());
  std::map<std::string, bool> right;
  std::int64_t alone = 0;
  std::int64_t alone_right = 0;
  for (std::size_t i = 0; i < answers.labels.size(); ++i) {
    const bool one = is_right(answers.predictions[i], answers.labels[i]);
    if (answers.groups[i].empty()) {
      ++alone;
      alone_right += one ? 1 : 0;
    } else {
      bool& all = right.emplace(answers.groups[i], true).first->second;
      all = all && one;
    }
  }
  for (const auto& [group, all] : right) alone_right += all ? 1 : 0;
  return share(alone_right, alone + static_cast<std::int64_t>(right.size()));
}

MetricValue gender_parity(const std::vector<int>& predictions) {
  const auto pairs = static_cast<std::int64_t>(predictions.size() / 2);
  std::int64_t equal = 0;
  for (std::int64_t p = 0; p < pairs; ++p) {
    equal += is_right(predictions[2 * p], predictions[2 * p + 1]) ? 1 : 0;
  }
  return share(equal, pairs);
}

MetricValue text_score(const TextMetric& metric, const Answers& answers) {
  const auto statistics = statistics_of(metric, answers.texts, answers.references);
  return {score_of(metric, statistics),
          metric.is_share ? static_cast<std::int64_t>(answers.texts.size()) : 0};
}

using Compute = MetricValue (*)(const Answers&);

const std::vector<std::pair<std::string, Compute>>& class_metrics() {
  static const std::vector<std::pair<std::string, Compute>> metrics{
      {"accuracy",
       [](const Answers& a) {
         return MetricValue{accuracy(a.predictions, a.labels),
                            static_cast<std::int64_t>(a.labels.size())};
       }},
      {"macro_f1", [](const Answers& a) { return MetricValue{macro_f1(a.predictions, a.labels)}; }},
      {"f1", [](const Answers& a) { return MetricValue{binary_f1(a.predictions, a.labels)}; }},
      {"group_exact_match", group_exact_match},
      {"matthews_correlation",
       [](const Answers& a) { return MetricValue{matthews_correlation(a.predictions, a.labels)}; }},
      {"gender_parity", [](const Answers& a) { return gender_parity(a.predictions); }}};
  return metrics;
}

}  // namespace

double accuracy(std::span<const int> predictions, std::span<const int> labels) {
  INCIPIT_CHECK(predictions.size() == labels.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    right += is_right(predictions[i], labels[i]) ? 1 : 0;
  }
  return share(right, static_cast<std::int64_t>(labels.size())).value;
}

double macro_f1(std::span<const int> predictions, std::span<const int> labels) {
  const auto counts = count_classes(predictions, labels);
  double sum = 0;
  for (const auto& [label, count] : counts) sum += count.f1();
  return counts.empty() ? kNaN : sum / static_cast<double>(counts.size());
}

double binary_f1(std::span<const int> predictions, std::span<const int> labels) {
  const auto counts = count_classes(predictions, labels);
  if (counts.empty()) return kNaN;
  const auto second = counts.find(1);
  return second == counts.end() ? 0 : second->second.f1();
}

double matthews_correlation(std::span<const int> predictions, std::span<const int> labels) {
  const auto counts = count_classes(predictions, labels);
  if (counts.empty()) return kNaN;
  const auto size = static_cast<double>(labels.size());
  double right = 0;
  double both = 0;
  double predicted = 0;
  double labelled = 0;
  for (const auto& [label, count] : counts) {
    right += count.right;
    both += count.predicted * count.labelled;
    predicted += count.predicted * count.predicted;
    labelled += count.labelled * count.labelled;
  }
  const double spread = (size * size - predicted) * (size * size - labelled);
  return spread == 0 ? 0 : (right * size - both) / std::sqrt(spread);
}

Interval wilson_interval(std::int64_t right, std::int64_t count) {
  if (count == 0) return {};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(right) / n;
  const double center = p + kZ * kZ / (2 * n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {std::max(0.0, (center - half) / scale), std::min(1.0, (center + half) / scale)};
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, compute] : class_metrics()) all.push_back(name);
    for (const TextMetric& metric : text_metrics()) all.push_back(metric.name);
    all.emplace_back(kLoss);
    return all;
  }();
  return names;
}

bool compares_texts(const std::string& metric) { return find_text_metric(metric) != nullptr; }

bool is_share(const std::string& metric) {
  const TextMetric* text = find_text_metric(metric);
  return metric == "accuracy" || metric == "group_exact_match" || metric == "gender_parity" ||
         (text != nullptr && text->is_share);
}

bool has_interval(const std::string& metric) { return is_share(metric) || compares_texts(metric); }

std::vector<std::string> metrics_of(const TaskOptions& task) {
  if (!task.metrics.empty()) return task.metrics;
  if (task.kind == TaskKind::kTokenClassification) return {kEntityF1};
  if (answers_freely(task)) return {"text_f1", "text_exact_match"};
  return {"accuracy"};
}

bool generates_answers(const TaskOptions& task) {
  if (has_head(task)) return false;
  if (answers_freely(task)) return metrics_of(task) != std::vector<std::string>{kLoss};
  return task.answer == Answer::kGenerate || !task.target.empty();
}

MetricValue compute_metric(const std::string& name, const Answers& answers) {
  if (const TextMetric* text = find_text_metric(name)) return text_score(*text, answers);
  const auto& metrics = class_metrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const auto& metric) { return metric.first == name; });
  INCIPIT_CHECK(found != metrics.end(), "unknown metric ", name);
  return found->second(answers);
}

double overall_score(std::span<const std::vector<double>> tasks) {
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  std::vector<double> means;
  for (const std::vector<double>& task : tasks) means.push_back(mean(task));
  return mean(means);
}

}  // namespace incipit::data
