#include "report/run_data.h"

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "data/jsonl.h"
#include "trainer/diagnosis_file.h"

namespace incipit::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read_object(const fs::path& path) {
  Json value = parse_json_or_discard<Json>(read_text(path));
  if (!value.is_object()) throw DataError(path.string() + ": not a JSON object");
  return value;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

std::string text_at(const Json& object, const char* key) {
  return object.contains(key) ? text_of(object[key]) : "";
}

double number_at(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? object[key].get<double>()
                                                         : std::numeric_limits<double>::quiet_NaN();
}

std::int64_t count_at(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_number_integer() ? object[key].get<std::int64_t>()
                                                                 : 0;
}

NamedScores numbers_of(const Json& object) {
  NamedScores numbers;
  for (const auto& [name, value] : object.items()) {
    if (value.is_number() && name != "step") numbers.emplace_back(name, value.get<double>());
  }
  return numbers;
}

// Calls `use` with the text and number of every non-blank line. A last line without a newline is
// marked as open: it may be incomplete.
void for_each_line(std::string_view text,
                   const std::function<void(std::string_view, std::int64_t, bool open)>& use) {
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t found = text.find('\n', begin);
    const bool open = found == std::string_view::npos;
    const std::size_t end = open ? text.size() : found;
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) use(line, number, open);
    begin = end + 1;
  }
}

// Returns an answer: a text, or a list of entities as JSON.
std::string answer_at(const data::Record& record, const std::string& path) {
  const std::string json = record.json_text(path);
  return json.starts_with('[') ? json : record.text(path);
}

EvaluatedExample parse_prediction(const data::Record& record) {
  EvaluatedExample parsed;
  parsed.id = record.json_text("idx");
  parsed.prediction = answer_at(record, "prediction");
  if (record.has("label") && record.json_text("label") != "null") {
    parsed.label = record.text("label");
  }
  if (record.has("references")) {
    for (std::int64_t i = 0; i < record.list_size("references"); ++i) {
      parsed.references.push_back(answer_at(record, "references." + std::to_string(i)));
    }
  }
  if (!record.has("scores")) return parsed;
  const Json scores = parse_json<Json>(record.json_text("scores"));
  if (!scores.is_object()) record.fail("'scores' must be an object of a number per label");
  parsed.scores = numbers_of(scores);
  if (parsed.scores.size() != scores.size()) record.fail("'scores' must be numbers");
  return parsed;
}

std::vector<EvaluatedExample> read_predictions(const fs::path& path) {
  std::vector<EvaluatedExample> predictions;
  std::set<std::string> seen;
  const std::string text = read_text(path);
  for_each_line(text, [&](std::string_view line, std::int64_t number, bool) {
    const data::Record record(line, path.string(), number);
    predictions.push_back(parse_prediction(record));
    if (!seen.insert(predictions.back().id).second) {
      record.fail("an earlier line has the same idx, " + predictions.back().id);
    }
  });
  if (predictions.empty()) throw DataError(path.string() + ": has no predictions");
  return predictions;
}

// Converts a line of a run with several tasks to that of a run with only `task`. Returns nothing if
// the line has no data for the task.
std::optional<Json> line_of(Json line, const std::string& task) {
  if (task.empty()) return line;
  if (line.contains("split")) {
    return text_at(line, "task") == task ? std::optional(std::move(line)) : std::nullopt;
  }
  if (!line.contains("losses") || !line["losses"].contains(task)) return std::nullopt;
  line["loss"] = line["losses"][task];
  if (line.contains("learning_rates") && line["learning_rates"].contains(task)) {
    line["learning_rate"] = line["learning_rates"][task];
  }
  return line;
}

void read_metrics(const fs::path& path, RunData& run) {
  const std::string text = read_text(path);
  for_each_line(text, [&](std::string_view line, std::int64_t number, bool open) {
    const Json parsed = parse_json_or_discard<Json>(line);
    if (!parsed.is_object()) {
      if (open) return;
      throw DataError(path.string() + ":" + std::to_string(number) + ": not a JSON object");
    }
    const auto own = line_of(parsed, run.task);
    if (!own) return;
    const Json& values = *own;
    if (values.contains("split")) {
      run.step_scores.push_back(
          {count_at(values, "step"), text_at(values, "split"), numbers_of(values)});
    } else if (values.contains("loss")) {
      run.steps.push_back({.step = count_at(values, "step"),
                           .loss = number_at(values, "loss"),
                           .learning_rate = number_at(values, "learning_rate"),
                           .grad_norm = number_at(values, "grad_norm"),
                           .tokens = count_at(values, "tokens"),
                           .samples = count_at(values, "samples"),
                           .seconds = number_at(values, "seconds")});
    }
  });
}

// Returns the task's part of a file.
const Json& part_of(const Json& json, const std::string& task) {
  static const Json nothing = Json::object();
  if (task.empty()) return json;
  return json.contains(task) ? json[task] : nothing;
}

Manifest read_manifest(const fs::path& path, const std::string& task) {
  const Json json = read_object(path);
  Manifest manifest;
  manifest.command = text_at(json, "command");
  manifest.started = text_at(json, "started");
  if (json.contains("model")) manifest.parameters = count_at(json["model"], "parameters");
  for (const char* key : {"incipit", "libtorch", "host", "processor", "device", "ranks",
                          "threads_per_rank", "seed"}) {
    if (json.contains(key)) manifest.facts.emplace_back(key, text_of(json[key]));
  }
  if (json.contains("splits") && json["splits"].is_object()) {
    for (const auto& [split, values] : part_of(json["splits"], task).items()) {
      manifest.splits[split] = {text_at(values, "file"), text_at(values, "fingerprint"),
                                count_at(values, "examples")};
    }
  }
  return manifest;
}

void read_config(const fs::path& path, const std::string& task, RunData& run) {
  std::optional<configs::RunConfig> all;
  try {
    all = configs::load_run_config(path.string());
    run.name = all->run.name;
  } catch (const Error& error) {  // from another version, or its task file has moved
    run.config_problem = error.what();
    return;
  }
  try {
    run.config = configs::pick_task(*all, task);
  } catch (const ConfigError& error) {
    throw ConfigError(path.string() + ": " + error.what());
  }
  if (configs::all_tasks(*all).size() <= 1) return;
  run.task = task;
  run.prompt_folder = run.config->picked;
  run.name += " " + task;
}

// "runs/rte/" -> "rte"
std::string folder_name(const fs::path& dir) {
  fs::path whole = fs::absolute(dir).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

}  // namespace

const std::vector<EvaluatedExample>* RunData::of_split(const std::string& split) const {
  const auto found = predictions.find(split);
  return found == predictions.end() ? nullptr : &found->second;
}

RunData read_run(const fs::path& dir, const std::string& task) {
  if (!fs::is_directory(dir)) throw DataError(dir.string() + ": no such run directory");
  RunData run;
  run.dir = dir;
  run.name = folder_name(dir);
  const auto has = [&](const char* name) { return fs::exists(dir / name); };
  if (has("config.yaml")) read_config(dir / "config.yaml", task, run);
  if (has("manifest.json")) run.manifest = read_manifest(dir / "manifest.json", run.task);
  if (has("diagnosis.json"))
    run.diagnosis = trainer::read_diagnosis(dir / "diagnosis.json", run.task);
  if (has("distillation.json")) {
    const fs::path path = dir / "distillation.json";
    run.distillation = eval::read_distillation(read_text(path), path.string());
  }
  if (has("templates.json")) {
    const fs::path path = dir / "templates.json";
    run.templates = read_template_scores(read_text(path), path.string());
  }
  if (has("metrics.jsonl")) read_metrics(dir / "metrics.jsonl", run);
  if (has("scores.json")) {
    const Json scores = read_object(dir / "scores.json");
    for (const auto& [split, values] : part_of(scores, run.task).items()) {
      run.scores[split] = numbers_of(values);
    }
  }
  for (const char* split : {"train", "validation", "test"}) {
    const fs::path path = dir / "predictions" / run.task / (std::string(split) + ".jsonl");
    if (fs::exists(path)) run.predictions[split] = read_predictions(path);
  }
  if (run.predictions.empty() && run.steps.empty() && run.scores.empty()) {
    throw DataError(dir.string() +
                    ": has nothing to report on; expected metrics.jsonl or scores.json, as incipit "
                    "train or eval writes them, or at least predictions/test.jsonl");
  }
  return run;
}

}  // namespace incipit::report
