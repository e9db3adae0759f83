#include "report/report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "model/weight_files.h"
#include "report/distillation_comparison.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostErrors = 20;
constexpr std::size_t kFirstAnswers = 8;

std::int64_t backbone_bytes(const RunData& run) {
  if (!run.config) return 0;
  try {
    return model::WeightFiles(model::resolve_model_dir(run.config->model.path)).total_bytes();
  } catch (const Error&) {
    return 0;  // the model is no longer at this path
  }
}

// Returns the bytes of the adapter, which may have several folders (methods/combined).
std::int64_t adapter_bytes(const RunData& run) {
  std::int64_t bytes = 0;
  std::error_code failed;  // the folder is missing, or a file was removed meanwhile
  const fs::path best = run.dir / "adapter" / "best" / run.prompt_folder;
  for (const auto& entry : fs::recursive_directory_iterator(best, failed)) {
    if (entry.path().filename() != "adapter_model.safetensors") continue;
    const auto size = entry.file_size(failed);
    if (!failed) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

Cost cost_of(const RunData& run) {
  Cost cost{.steps = static_cast<std::int64_t>(run.steps.size()),
            .adapter_bytes = adapter_bytes(run),
            .backbone_bytes = backbone_bytes(run)};
  for (const telemetry::StepRecord& step : run.steps) {
    cost.examples += step.samples;
    cost.tokens += step.tokens;
    if (std::isfinite(step.seconds)) cost.seconds += step.seconds;
  }
  return cost;
}

std::optional<TaskTexts> read_texts(const RunData& run, std::string& problem) {
  if (!run.config) {
    problem =
        run.config_problem.empty() ? "The run names no task (config.yaml)." : run.config_problem;
    return std::nullopt;
  }
  try {
    return TaskTexts(run);
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

void add_errors(const std::vector<EvaluatedExample>& predictions, RunFigures& figures) {
  figures.wrong = std::count_if(predictions.begin(), predictions.end(),
                                [](const EvaluatedExample& each) { return each.wrong(); });
  for (const WrongAnswer& answer : worst_errors(predictions, kMostErrors)) {
    figures.errors.push_back({answer, {}});
  }
}

// Adds what the records put into the template.
void add_inputs(const TaskTexts& texts, RunFigures& figures) {
  std::set<std::string> ids;
  for (const WorstError& error : figures.errors) ids.insert(error.answer.prediction->id);
  for (const auto* answers : {&figures.first_answers, &figures.weakest}) {
    for (const ShownAnswer& shown : *answers) ids.insert(shown.answer.answer->id);
  }
  if (ids.empty()) return;
  const auto values = texts.field_values(ids);
  const auto of = [&](const std::string& id) {
    const auto found = values.find(id);
    return found == values.end() ? FieldValues() : found->second;
  };
  for (WorstError& error : figures.errors) error.input = of(error.answer.prediction->id);
  for (auto* answers : {&figures.first_answers, &figures.weakest}) {
    for (ShownAnswer& shown : *answers) shown.input = of(shown.answer.answer->id);
  }
}

void add_answers(const std::vector<EvaluatedExample>& predictions, const data::TextMetric& metric,
                 RunFigures& figures) {
  for (const EvaluatedExample& each : predictions) {
    if (each.references.empty()) continue;
    if (figures.first_answers.size() == kFirstAnswers) break;
    const auto statistics = metric.statistics(each.prediction, each.references);
    figures.first_answers.push_back({{&each, data::score_of(metric, statistics)}, {}});
  }
  for (const ScoredAnswer& answer : weakest_answers(predictions, metric, kMostErrors)) {
    figures.weakest.push_back({answer, {}});
  }
}

RunFigures figures_of(const RunData& run, const std::optional<TaskTexts>& texts,
                      const std::string& majority_label) {
  RunFigures figures;
  figures.cost = cost_of(run);
  for (const char* split : {"train", "validation", "test"}) {
    const std::vector<EvaluatedExample>* predictions = run.of_split(split);
    if (predictions != nullptr && is_free_text(*predictions)) {
      figures.text_splits.push_back(text_figures_of(split, *predictions, text_metrics_of(run)));
    }
    if (predictions == nullptr || !is_labelled(*predictions)) continue;
    figures.splits.push_back(figures_of(split, *predictions, majority_label));
  }
  if (const auto* test = run.of_split("test")) {
    if (is_free_text(*test)) {
      add_answers(*test, *text_metrics_of(run).front(), figures);
    } else {
      add_errors(*test, figures);
    }
  }
  if (texts) add_inputs(*texts, figures);
  if (texts) figures.example = texts->first_example();
  return figures;
}

// Compares a single run with always giving one answer, as a comparison does.
void add_gain(const RunData& run, RunFigures& figures) {
  if (!figures.text_splits.empty()) {
    TextFigures& split = result_split(figures.text_splits);
    split.gain =
        gain_over_constant(*run.of_split(split.split), split.constant, text_metrics_of(run));
  } else if (!figures.splits.empty()) {
    SplitFigures& split = result_split(figures.splits);
    split.gain = gain_over_constant(*run.of_split(split.split), split.majority_label, {});
  }
}

// Returns a score of scores.json as computed from the predictions; nothing if they do not tell.
std::optional<double> recomputed(const std::string& name,
                                 const std::vector<EvaluatedExample>& predictions) {
  if (name == "examples") return static_cast<double>(predictions.size());
  if (name == "accuracy" && is_labelled(predictions)) {
    return figures_of("", predictions, "").accuracy;
  }
  const data::TextMetric* metric = data::find_text_metric(name);
  if (metric == nullptr || !is_free_text(predictions)) return std::nullopt;
  const FreeAnswers answers = free_answers(predictions);
  return data::score_of(*metric, data::statistics_of(*metric, answers.texts, answers.references));
}

// Throws DataError when scores.json is not of the predictions beside it, so that the report would
// show numbers of two evaluations.
void require_same_evaluation(const RunData& run) {
  for (const auto& [split, predictions] : run.predictions) {
    const auto scores = run.scores.find(split);
    if (scores == run.scores.end()) continue;
    for (const auto& [name, value] : scores->second) {
      const std::optional<double> again = recomputed(name, predictions);
      if (!again || std::abs(*again - value) < 1e-6) continue;
      throw DataError((run.dir / "scores.json").string() + ": " + name + " of " + split + " is " +
                      telemetry::fixed(value, 4) + ", but of predictions/" + split + ".jsonl " +
                      telemetry::fixed(*again, 4) +
                      ": they are of different evaluations; score the run again with incipit eval");
    }
  }
}

}  // namespace

const SplitFigures* RunFigures::of_split(const std::string& split) const {
  const auto found = std::find_if(splits.begin(), splits.end(),
                                  [&](const SplitFigures& each) { return each.split == split; });
  return found == splits.end() ? nullptr : &*found;
}

Report gather(std::span<const fs::path> dirs, const std::string& task) {
  Report report;
  for (const fs::path& dir : dirs) {
    report.runs.push_back(read_run(dir, task));
    require_same_evaluation(report.runs.back());
  }
  std::vector<std::optional<TaskTexts>> texts;
  std::vector<std::string> problems(report.runs.size());
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    texts.push_back(read_texts(report.runs[r], problems[r]));
    if (texts[r] && report.majority_label.empty()) {
      report.majority_label = texts[r]->majority_label();
    }
  }
  if (report.runs.size() > 1 && are_distilled(report.runs)) {
    report.distilled = name_distilled(report.runs);
  } else if (report.runs.size() > 1) {
    report.comparison = compare(report.runs, report.majority_label);
    report.learning_curves =
        score_curves(report.runs, *report.comparison, CurveAxis::kTrainingExamples);
    report.size_curves = score_curves(report.runs, *report.comparison, CurveAxis::kModelParameters);
  }
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    report.figures.push_back(figures_of(report.runs[r], texts[r], report.majority_label));
    report.figures.back().texts_problem = problems[r];
  }
  if (report.runs.size() == 1) add_gain(report.runs[0], report.figures[0]);
  return report;
}

}  // namespace incipit::report
