// The directory that a run leaves behind: config.yaml, manifest.json, metrics.jsonl,
// adapter/, predictions/, scores.json.
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

// Whether a run stands in this directory.
[[nodiscard]] bool is_run_dir(const std::filesystem::path& dir);

}  // namespace incipit::launcher
