// What a run left in its directory, as far as a report tells of it.
//
// Of all the files only predictions/test.jsonl must be there, so that something that is not
// Incipit can be compared with it: a line per test example,
//
//   {"idx": 3, "prediction": "yes", "label": "no"}
//
// with "scores": {"yes": -1.25, "no": -1.5}, log-likelihoods or logarithms of probabilities, where
// it has them. The run is then called by its folder's name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/run_config.h"
#include "metrics/step_record.h"

namespace incipit::launcher::report {

struct Prediction {
  std::string id;  // JSON text of idx
  std::string prediction;
  std::string label;                                   // empty: the example has none
  std::vector<std::pair<std::string, double>> scores;  // by label, in the file's order; may be none
  [[nodiscard]] bool wrong() const { return !label.empty() && prediction != label; }
};

using NamedScores = std::vector<std::pair<std::string, double>>;

// The scores of a split after some steps.
struct StepScores {
  std::int64_t step = 0;
  std::string split;
  NamedScores scores;
};

struct SplitFile {
  std::string file;
  std::string fingerprint;
};

// Of manifest.json; what it lacks is empty.
struct Manifest {
  std::vector<std::pair<std::string, std::string>> facts;  // "host" and what it was, to be shown
  std::string command;
  std::string started;
  std::map<std::string, SplitFile> splits;
};

// Of diagnosis.json.
struct Diagnosis {
  std::string verdict;
  std::string summary;
  std::vector<std::string> findings;
  std::vector<std::string> advice;
};

struct RunData {
  std::filesystem::path dir;
  std::string name;
  std::string task;           // of a run of several tasks: the one whose data this is
  std::string prompt_folder;  // in adapter/best, where every task has a prompt of its own
  std::optional<configs::RunConfig> config;
  std::string config_problem;  // why there is none although the run has one
  Manifest manifest;
  std::optional<Diagnosis> diagnosis;
  std::vector<metrics::StepRecord> steps;  // numbers that were not finite are NaN
  std::vector<StepScores> step_scores;
  std::map<std::string, NamedScores> scores;                   // scores.json, by split
  std::map<std::string, std::vector<Prediction>> predictions;  // by split

  // The predictions of a split, or nullptr.
  [[nodiscard]] const std::vector<Prediction>* of_split(const std::string& split) const;
};

// Throws DataError: no such folder, nothing in it that a report could tell of, or a file that is
// damaged. A metrics.jsonl that ends in the middle of a line is that of a run that died. Of a run
// of several tasks `task` is read; ConfigError when it is not one of them.
[[nodiscard]] RunData read_run(const std::filesystem::path& dir, const std::string& task = "");

}  // namespace incipit::launcher::report
