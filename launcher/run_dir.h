// The run directory: config.yaml, manifest.json, metrics.jsonl, checkpoints/, adapter/,
// predictions/, scores.json.
#pragma once

#include <filesystem>
#include <string>

namespace incipit::launcher {

// Creates the directory of a new run. An earlier run there is moved to DIR.1, DIR.2, ... Call on
// rank 0. Throws DataError naming the folder.
void make_run_dir(const std::filesystem::path& dir);

// Writes config.yaml and manifest.json (JSON text: what the run depends on).
void describe_run(const std::filesystem::path& dir, const std::string& config_yaml,
                  const std::string& manifest_json);

enum class RunStage {
  kNone,        // no training run here
  kUnfinished,  // a run that may be resumed
  kFinished,
};

// Returns the stage according to manifest.json. A damaged manifest counts as kNone, one without
// `finished` as kFinished.
[[nodiscard]] RunStage run_stage(const std::filesystem::path& dir);

// Records in manifest.json that the run finished. Throws DataError naming the file.
void mark_finished(const std::filesystem::path& dir, const std::string& time);

// Removes files that a killed process left unfinished (NAME.tmp.PID). Best effort.
void remove_unfinished_files(const std::filesystem::path& dir);

// Returns whether this directory is that of a run.
[[nodiscard]] bool is_run_dir(const std::filesystem::path& dir);

}  // namespace incipit::launcher
