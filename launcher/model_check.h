// Whether a model folder can be used on this machine: the steps of open_session() one by one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/task.h"
#include "model/spec.h"

namespace incipit::launcher {

// The result of one step.
struct ModelCheck {
  std::string name;  // "weights"
  bool ok = false;
  std::string text;  // what was found, or why the step failed
};

// Reads every file of the model as a run does, loads it on this rank if it fits in memory, and
// computes one token. Stops after the first step that the others need. Throws nothing that a model
// folder can cause.
[[nodiscard]] std::vector<ModelCheck> check_model(const std::filesystem::path& path);

// Returns what a model can take, for tasks.
[[nodiscard]] data::ModelLimits limits_of(const model::ModelSpec& spec);

}  // namespace incipit::launcher
