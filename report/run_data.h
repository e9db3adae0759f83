// Reads the files of a run directory that a report uses.
//
// Only predictions/test.jsonl is required, so that results of other programs can be compared too.
// It has one line per test example,
//
//   {"idx": 3, "prediction": "yes", "label": "no"}
//
// optionally with "scores": {"yes": -1.25, "no": -1.5}: log-likelihoods or log-probabilities. Free
// answers have "references": ["42"], the right answers, and no label. Such a run is named after its
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/run_config.h"
#include "eval/distillation_results.h"
#include "report/template_scores.h"
#include "telemetry/step_record.h"
#include "trainer/diagnosis.h"

namespace incipit::report {

// A line of predictions/SPLIT.jsonl.
struct EvaluatedExample {
  std::string id;  // JSON text of idx
  std::string prediction;
  std::string label;                                   // empty: no label
  std::vector<std::string> references;                 // right answers; empty: none
  std::vector<std::pair<std::string, double>> scores;  // per label, in file order; may be empty
  [[nodiscard]] bool wrong() const { return !label.empty() && prediction != label; }
};

using NamedScores = std::vector<std::pair<std::string, double>>;

// The scores of a split after `step` steps.
struct StepScores {
  std::int64_t step = 0;
  std::string split;
  NamedScores scores;
};

struct SplitFile {
  std::string file;
  std::string fingerprint;
  std::int64_t examples = 0;  // 0: unknown
};

// Contents of manifest.json; missing values are empty.
struct Manifest {
  std::vector<std::pair<std::string, std::string>> facts;  // "host" and its name, for display
  std::string command;
  std::string started;
  std::int64_t parameters = 0;  // of the model; 0: unknown
  std::map<std::string, SplitFile> splits;
};

struct RunData {
  std::filesystem::path dir;
  std::string name;
  std::string task;           // with several tasks: the one that this data is for
  std::string prompt_folder;  // in adapter/best, if every task has its own prompt
  std::optional<configs::RunConfig> config;
  std::string config_problem;  // why the run's configuration could not be read
  Manifest manifest;
  std::optional<trainer::Diagnosis> diagnosis;
  std::optional<eval::DistillationResults> distillation;
  std::optional<TemplateScores> templates;
  std::vector<telemetry::StepRecord> steps;  // values that were not finite are NaN
  std::vector<StepScores> step_scores;
  std::map<std::string, NamedScores> scores;                         // scores.json, per split
  std::map<std::string, std::vector<EvaluatedExample>> predictions;  // per split

  // Returns the predictions of a split, or nullptr.
  [[nodiscard]] const std::vector<EvaluatedExample>* of_split(const std::string& split) const;
};

// Reads a run. For a run with several tasks, reads `task`. A metrics.jsonl that ends in the middle
// of a line is accepted: the run died. Throws DataError when the folder does not exist, has nothing
// to report on, or has a damaged file. Throws ConfigError when `task` is not one of the run's
// tasks.
[[nodiscard]] RunData read_run(const std::filesystem::path& dir, const std::string& task = "");

}  // namespace incipit::report
