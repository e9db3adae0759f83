// Decides where the results of an evaluation are written, so that they never replace those of
// another question.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launcher/session.h"

namespace incipit::launcher {

// An evaluation as asked for: the configuration, before the trained weights of model tuning replace
// its model, the adapters of --adapter and the name of --name.
struct EvaluationRequest {
  configs::RunConfig config;
  std::vector<std::filesystem::path> adapters;  // empty paths: adapter/best of the run directory
  std::string name;
};

struct EvaluationFolder {
  std::filesystem::path path;
  std::string name;    // of the evaluation; empty: the run's own results
  bool is_new = true;  // it has no config.yaml yet
};

// Returns run.output_dir if it is no run directory yet, or if the run's configuration, prompts and
// data lead to the same answers; else RUN/evaluations/NAME, named after what differs ("shots-4").
// Reads the run's config.yaml and manifest.json, and the session's data. Throws ConfigError when
// the folder that --name asks for has the results of other settings. Call on rank 0.
[[nodiscard]] EvaluationFolder evaluation_folder(const EvaluationRequest& request,
                                                 const Session& session);

// Returns the session's manifest with the adapters.
[[nodiscard]] std::string evaluation_manifest(const EvaluationRequest& request,
                                              const Session& session);

}  // namespace incipit::launcher
