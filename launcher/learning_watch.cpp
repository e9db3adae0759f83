#include "launcher/learning_watch.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "core/json.h"
#include "core/log.h"
#include "data/answer_text.h"
#include "data/records.h"
#include "data/task_metrics.h"
#include "eval/evaluation.h"

namespace incipit::launcher {
namespace {

using Json = nlohmann::ordered_json;

// Returns the logged losses of `task`, or of a run with one task if it is empty.
std::vector<double> logged_losses(const std::filesystem::path& metrics_file,
                                  const std::string& task) {
  std::vector<double> losses;
  const auto lines = data::open_records(metrics_file);
  while (const auto line = lines->next()) {
    if (!task.empty()) {
      if (!line->has("losses")) continue;
      const Json by_task = parse_json<Json>(line->json_text("losses"));
      const auto loss = by_task.find(task);
      if (loss == by_task.end()) continue;  // no example of this task in the batch
      losses.push_back(loss->is_number() ? loss->get<double>()
                                         : std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    const std::vector<std::string> names = line->names();
    if (std::find(names.begin(), names.end(), "loss") == names.end()) continue;
    if (line->has("split")) continue;  // an evaluation's line
    losses.push_back(line->has("loss") ? std::stod(line->text("loss"))
                                       : std::numeric_limits<double>::quiet_NaN());
  }
  return losses;
}

std::vector<std::string> label_names(const data::Candidates& candidates) {
  std::vector<std::string> names;
  for (const data::Candidate& candidate : candidates) names.push_back(candidate.label);
  return names;
}

// Returns the labels that all examples share; empty where each has its own candidates.
std::vector<std::string> shared_labels(const data::Dataset& dataset) {
  const std::vector<std::string> names = label_names(*dataset[0].candidates);
  for (const data::Example& example : dataset) {
    if (label_names(*example.candidates) != names) return {};
  }
  return names;
}

// Returns label_prior_loss(), or nothing if answers are not one of a few classes.
std::optional<double> prior_loss(const data::Task& task, const data::Dataset& train,
                                 trainer::Loss loss) {
  if (task.generates() || task.labels().empty()) return std::nullopt;
  std::vector<trainer::LabelCount> counts(task.labels().size());
  for (const data::Example& example : train) {
    trainer::LabelCount& count = counts[static_cast<std::size_t>(example.label)];
    ++count.examples;
    count.tokens = static_cast<std::int64_t>(example.target.size());
  }
  return trainer::label_prior_loss(counts, loss);
}

trainer::FreeAnswers free_answers(const data::TextMetric& metric,
                                  const std::vector<std::string>& texts,
                                  const std::vector<std::vector<std::string>>& references) {
  trainer::FreeAnswers free;
  free.metric = metric.title;
  free.examples = static_cast<std::int64_t>(texts.size());
  const std::vector<double> statistics = data::statistics_of(metric, texts, references);
  free.score = data::score_of(metric, statistics);
  free.score_95 =
      metric.is_share
          ? data::wilson_interval(std::llround(free.score * static_cast<double>(texts.size())),
                                  free.examples)
          : eval::text_interval(metric, statistics);
  std::vector<std::string> first;
  for (const auto& each : references) first.push_back(each.front());
  free.constant = data::most_frequent(first);
  const std::vector<std::string> constant(texts.size(), free.constant);
  free.constant_score = data::score_of(metric, data::statistics_of(metric, constant, references));
  free.given = data::most_frequent(texts);
  free.times_given = std::count(texts.begin(), texts.end(), free.given);
  return free;
}

// Returns the metric by which the task's free answers are judged; nullptr: none.
const data::TextMetric* deciding_metric(const data::Task& task) {
  if (!data::answers_freely(task.options())) return nullptr;
  for (const std::string& name : eval::metric_names(task)) {
    if (const data::TextMetric* metric = data::find_text_metric(name)) return metric;
  }
  return nullptr;
}

}  // namespace

LearningWatch::LearningWatch(std::string name, const data::Task& task)
    : task_(std::move(name)), metric_(deciding_metric(task)) {}

void LearningWatch::add(std::int64_t step, const data::Dataset& validation,
                        const eval::Scores& answers) {
  if (metric_ != nullptr) return add_texts(step, validation, answers.texts);
  add_labels(step, validation, answers.predictions);
}

void LearningWatch::add_texts(std::int64_t step, const data::Dataset& validation,
                              const std::vector<std::string>& texts) {
  std::vector<std::string> answered;
  std::vector<std::vector<std::string>> references;
  for (std::int64_t i = 0; i < validation.size(); ++i) {
    auto right = validation[i].references;
    if (right.empty()) continue;
    answered.emplace_back(data::stripped(texts[static_cast<std::size_t>(i)]));
    references.push_back(std::move(right));
  }
  if (answered.empty()) return;
  evaluations_.push_back({step, {}, {}, free_answers(*metric_, answered, references)});
}

void LearningWatch::add_labels(std::int64_t step, const data::Dataset& validation,
                               std::span<const int> predictions) {
  Evaluation evaluation{.step = step, .predictions = {}, .answers = {}, .free = {}};
  for (std::int64_t i = 0; i < validation.size(); ++i) {
    if (validation[i].label < 0) continue;
    evaluation.predictions.push_back(predictions[static_cast<std::size_t>(i)]);
    evaluation.answers.push_back(validation[i].label);
  }
  if (evaluation.answers.empty()) return;
  if (validation[0].candidates == nullptr || validation[0].candidates->empty()) return;
  const std::vector<std::string> labels = shared_labels(validation);
  if (labels.empty()) return;
  const auto one_label =
      trainer::one_label_predicted(evaluation.predictions, evaluation.answers, labels);
  if (one_label) {
    log::warn("step {}: {}{}; the labels are not distinguished yet", step,
              task_.empty() ? "" : "task " + task_ + ": ", *one_label);
  }
  evaluations_.push_back(std::move(evaluation));
}

trainer::Diagnosis LearningWatch::diagnose(const Session& session, const data::LoadedTask& of,
                                           std::int64_t best_step) const {
  const configs::RunConfig& config = session.config;
  const data::Task& task = *of.task;
  trainer::Evidence evidence{
      .losses =
          logged_losses(std::filesystem::path(config.run.output_dir) / "metrics.jsonl", task_),
      .labels = task.labels(),
      .train = config.train,
      .method = config.method,
      .shots = task.options().shots};
  evidence.prior_loss = prior_loss(task, of.splits.train, config.train.loss);
  // After a resume, the best evaluation may be from an earlier process. Then use the last one.
  auto best = std::find_if(evaluations_.begin(), evaluations_.end(),
                           [&](const Evaluation& each) { return each.step == best_step; });
  if (best == evaluations_.end() && !evaluations_.empty()) best = evaluations_.end() - 1;
  if (best != evaluations_.end()) {
    evidence.predictions = best->predictions;
    evidence.answers = best->answers;
    evidence.free = best->free;
  }
  trainer::Diagnosis diagnosis = trainer::diagnose(evidence);
  if (task_.empty()) return diagnosis;
  for (std::string& advice : diagnosis.advice) {  // replace task: with the task's block in tasks:
    const std::size_t key = advice.find(" task.");
    if (key != std::string::npos) advice.replace(key, 6, " tasks." + task_ + ".");
  }
  return diagnosis;
}

void print_diagnosis(std::ostream& out, const telemetry::Style& style, const std::string& task,
                     const trainer::Diagnosis& diagnosis) {
  if (!task.empty()) out << style.bold(task) << ": ";
  const bool learned = diagnosis.verdict == trainer::Verdict::kLearned;
  const std::string summary =
      learned ? style.good(diagnosis.summary) : style.warning("warning: ") + diagnosis.summary;
  out << summary << '\n';
  for (const std::string& finding : diagnosis.findings) out << "  - " << finding << '\n';
  if (diagnosis.advice.empty()) return;
  out << "Try, in this order:\n";
  int number = 0;
  for (const std::string& advice : diagnosis.advice) {
    out << "  " << ++number << ". " << advice << '\n';
  }
}

}  // namespace incipit::launcher
