#include "eval/results.h"

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/json.h"
#include "data/answer_text.h"
#include "eval/order_figures.h"

namespace incipit::eval {
namespace {

using Json = nlohmann::ordered_json;

const std::string& label_name(const data::Example& example, int label,
                              const std::vector<std::string>& labels) {
  const auto index = static_cast<std::size_t>(label);
  return example.candidates->empty() ? labels.at(index) : example.candidates->at(index).label;
}

Json prediction_line(const data::Example& example, std::size_t i, const SplitResult& result) {
  const Scores& scores = result.scores;
  const int prediction = scores.predictions[i];
  Json line;
  line["idx"] = parse_json<Json>(example.id);
  if (result.finds_entities) {
    line["prediction"] = parse_json<Json>(scores.texts[i]);
    line["label"] = nullptr;
    for (const std::string& right : example.references) {
      line["references"].push_back(parse_json<Json>(right));
    }
    return line;
  }
  line["prediction"] = prediction < 0 ? std::string(data::stripped(scores.texts[i]))
                                      : label_name(example, prediction, result.labels);
  line["label"] =
      example.label < 0 ? Json(nullptr) : Json(label_name(example, example.label, result.labels));
  if (result.labels.empty() && !example.references.empty()) {
    line["references"] = example.references;
  }
  if (example.scored) return line;
  if (scores.scores.empty()) {
    line["generated"] = scores.texts[i];
    return line;
  }
  Json& by_label = line["scores"] = Json::object();
  for (std::size_t c = 0; c < example.candidates->size(); ++c) {
    by_label[example.candidates->at(c).label] = scores.scores[i][c];
  }
  return line;
}

std::string prediction_lines(const data::Dataset& dataset, const SplitResult& result) {
  std::string text;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    text += dump_json(prediction_line(dataset[i], static_cast<std::size_t>(i), result));
    text += '\n';
  }
  return text;
}

Json metrics_entry(std::int64_t examples, const Metrics& metrics, const Intervals& intervals) {
  Json entry;
  entry["examples"] = examples;
  for (const auto& [name, value] : metrics) {
    entry[name] = value;
    for (const auto& [share, interval] : intervals) {
      if (share == name) entry[name + "_95"] = {interval.low, interval.high};
    }
  }
  return entry;
}

// Writes predictions to `folder` and returns the scores as JSON.
Json write_predictions(const std::filesystem::path& folder, std::span<const NamedResult> results) {
  Json scores = Json::object();
  for (const auto& [split, dataset, result] : results) {
    scores[split] = metrics_entry(dataset->size(), result->metrics, result->intervals);
    if (result->scores.predictions.empty()) continue;
    write_atomically(folder / (split + ".jsonl"), prediction_lines(*dataset, *result));
  }
  return scores;
}

void write_scores(const std::filesystem::path& run_dir, const Json& scores) {
  write_atomically(run_dir / "scores.json", dump_json(scores, 2) + "\n");
}

Json earlier_scores(const std::filesystem::path& run_dir) {
  const auto file = run_dir / "scores.json";
  if (!std::filesystem::exists(file)) return Json::object();
  Json scores = parse_json_or_discard<Json>(read_text(file));
  return scores.is_object() ? scores : Json::object();
}

Json write_tasks(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks) {
  Json scores = Json::object();
  for (const auto& [task, splits] : tasks) {
    scores[task] = write_predictions(run_dir / "predictions" / task, splits);
  }
  return scores;
}

}  // namespace

void write_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results) {
  std::filesystem::remove_all(run_dir / "predictions");
  write_scores(run_dir, write_predictions(run_dir / "predictions", results));
}

void add_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results) {
  Json scores = earlier_scores(run_dir);
  scores.update(write_predictions(run_dir / "predictions", results));
  write_scores(run_dir, scores);
}

void write_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks) {
  std::filesystem::remove_all(run_dir / "predictions");
  write_scores(run_dir, write_tasks(run_dir, tasks));
}

void add_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks) {
  Json scores = earlier_scores(run_dir);
  const Json added = write_tasks(run_dir, tasks);
  for (const auto& [task, splits] : added.items()) {
    if (!scores[task].is_object()) scores[task] = Json::object();
    scores[task].update(splits);
  }
  write_scores(run_dir, scores);
}

void write_templates(const std::filesystem::path& run_dir, const data::Dataset& split,
                     const std::string& split_name, std::span<const TemplateScore> templates,
                     std::size_t best, const std::optional<ConstantAnswer>& constant) {
  Json all = Json::array();
  std::vector<double> deciding;
  for (const TemplateScore& each : templates) {
    Json& entry = all.emplace_back(Json{{"name", each.name}});
    entry.update(metrics_entry(split.size(), each.metrics, each.intervals));
    if (each.on_format) entry["on_format"] = *each.on_format;
    if (each.calibration_error) entry["calibration_error"] = *each.calibration_error;
    deciding.push_back(each.metrics.front().second);
  }
  Json file{{"split", split_name}, {"best", templates[best].name}, {"templates", all}};
  if (deciding.size() > 1) {
    const Spread spread = spread_of(deciding);
    const bool higher = higher_is_better(templates[best].metrics.front().first);
    file["spread"] = {{"mean", spread.mean},
                      {"sd", spread.deviation},
                      {"worst", higher ? spread.lowest : spread.highest},
                      {"best", higher ? spread.highest : spread.lowest}};
  }
  if (constant) {
    file["majority"]["answer"] = constant->answer;
    for (const auto& [name, value] : constant->metrics) file["majority"][name] = value;
  }
  write_atomically(run_dir / "templates.json", dump_json(file, 2) + "\n");
}

}  // namespace incipit::eval
