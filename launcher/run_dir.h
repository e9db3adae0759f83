// The directory that a run leaves behind: config.yaml, manifest.json, metrics.jsonl,
// checkpoints/, adapter/, predictions/, scores.json.
#pragma once

#include <filesystem>
#include <string>

namespace incipit::launcher {

// Makes the directory of a new run. An earlier run that stands there is moved aside, to
// DIR.1, DIR.2, ... Rank 0 calls it. Throws DataError naming the folder.
void make_run_dir(const std::filesystem::path& dir);

// Writes config.yaml and manifest.json (the JSON text of what the run depends on).
void describe_run(const std::filesystem::path& dir, const std::string& config_yaml,
                  const std::string& manifest_json);

enum class RunStage {
  kNone,        // no training run stands here
  kUnfinished,  // one that may go on
  kFinished,
};

// As manifest.json says. What cannot be read counts as finished: it is moved aside, not touched.
[[nodiscard]] RunStage run_stage(const std::filesystem::path& dir);

// Notes in manifest.json that the run came to its end. Throws DataError naming the file.
void mark_finished(const std::filesystem::path& dir, const std::string& time);

// Removes files that a killed process had not finished writing (NAME.tmp.PID). Best effort.
void remove_unfinished_files(const std::filesystem::path& dir);

// Whether a run stands in this directory.
[[nodiscard]] bool is_run_dir(const std::filesystem::path& dir);

}  // namespace incipit::launcher
