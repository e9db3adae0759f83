// Supplies the soft prompts of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/session.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::launcher {

// Returns the initial soft prompts for training, as method.init says: one per task, or one for all.
// The same on every rank.
[[nodiscard]] std::vector<prompt_tuning::SoftPrompt> start_prompts(const Session& session);

// Returns the trained soft prompt for an evaluation: `adapter` (a PEFT folder or a .npy file) or,
// if it is empty, adapter/best of the run directory. Nothing if method.kind is none. Throws
// ConfigError that says what to do when there is no prompt.
[[nodiscard]] std::optional<prompt_tuning::LoadedPrompt> trained_prompt(
    const configs::RunConfig& config, const std::filesystem::path& adapter);

// Returns the adapter paths of --adapter for each task of the run, in order. `given` are paths, in
// the order of the tasks, or TASK=PATH. A task without one gets an empty path: the adapter in the
// run directory. One path is enough for tasks that share a prompt. Throws ConfigError that lists
// the tasks.
[[nodiscard]] std::vector<std::filesystem::path> adapters_by_task(
    const configs::RunConfig& config, const std::vector<std::string>& given);

// Returns the values of the prompt that trained_prompt() returned for the same `adapter`, if any.
// Throws and warns as prompt_tuning::check_backbone does when the prompt was made for another
// model.
[[nodiscard]] std::optional<at::Tensor> values_for(
    const Session& session, const std::optional<prompt_tuning::LoadedPrompt>& trained,
    const std::filesystem::path& adapter);

}  // namespace incipit::launcher
