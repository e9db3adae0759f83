#include "eval/results.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/task_metrics.h"

namespace incipit::eval {
namespace {

using Json = nlohmann::ordered_json;

Json prediction_line(const data::Example& example, int prediction,
                     const std::vector<double>& scores) {
  const data::Candidates& candidates = *example.candidates;
  Json line;
  line["idx"] = Json::parse(example.id);
  line["prediction"] = candidates[prediction].label;
  line["label"] = example.label < 0 ? Json(nullptr) : Json(candidates[example.label].label);
  Json& by_label = line["scores"] = Json::object();
  for (std::size_t c = 0; c < candidates.size(); ++c) by_label[candidates[c].label] = scores[c];
  return line;
}

std::string prediction_lines(const data::Dataset& dataset, const Scores& scores) {
  std::string text;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    text += prediction_line(dataset[i], scores.predictions[i], scores.scores[i]).dump();
    text += '\n';
  }
  return text;
}

Json metrics_entry(std::int64_t examples, const Metrics& metrics) {
  Json entry;
  entry["examples"] = examples;
  for (const auto& [name, value] : metrics) {
    entry[name] = value;
    if (name != "accuracy") continue;
    const auto right =
        static_cast<std::int64_t>(std::llround(value * static_cast<double>(examples)));
    const data::Interval interval = data::wilson_interval(right, examples);
    entry["accuracy_95"] = {interval.low, interval.high};
  }
  return entry;
}

bool has_candidates(const data::Dataset& dataset) {
  return !dataset.empty() && dataset[0].candidates && !dataset[0].candidates->empty();
}

// Writes predictions to `folder` and returns the scores.
Json write_predictions(const std::filesystem::path& folder, std::span<const NamedResult> results) {
  Json scores = Json::object();
  for (const auto& [split, dataset, result] : results) {
    scores[split] = metrics_entry(dataset->size(), result->metrics);
    if (!has_candidates(*dataset)) continue;
    write_atomically(folder / (split + ".jsonl"), prediction_lines(*dataset, result->scores));
  }
  return scores;
}

}  // namespace

void write_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results) {
  const Json scores = write_predictions(run_dir / "predictions", results);
  write_atomically(run_dir / "scores.json", scores.dump(2) + "\n");
}

void write_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks) {
  Json scores = Json::object();
  for (const auto& [task, splits] : tasks) {
    scores[task] = write_predictions(run_dir / "predictions" / task, splits);
  }
  write_atomically(run_dir / "scores.json", scores.dump(2) + "\n");
}

void write_wordings(const std::filesystem::path& run_dir, const data::Dataset& split,
                    const std::string& split_name, std::span<const WordingScore> wordings,
                    std::size_t best) {
  Json all = Json::array();
  for (const auto& [name, metrics] : wordings) {
    Json& entry = all.emplace_back(Json{{"name", name}});
    entry.update(metrics_entry(split.size(), metrics));
  }
  const Json file{{"split", split_name}, {"best", wordings[best].name}, {"wordings", all}};
  write_atomically(run_dir / "wordings.json", file.dump(2) + "\n");
}

}  // namespace incipit::eval
