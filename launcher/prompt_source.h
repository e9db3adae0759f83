// Where the soft prompt of a run comes from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/session.h"
#include "prompt/adapter_files.h"
#include "prompt/soft_prompt.h"

namespace incipit::launcher {

// The soft prompts that training starts from, as method.init says: one for every task, or one for
// all of them. The same on every rank.
[[nodiscard]] std::vector<prompt::SoftPrompt> start_prompts(const Session& session);

// The trained soft prompt that an evaluation takes: `adapter` (a PEFT folder or a .npy) or,
// where it is empty, adapter/best of the run directory; nothing under method.kind: none.
// Throws ConfigError saying what to do when there is none.
[[nodiscard]] std::optional<prompt::LoadedPrompt> trained_prompt(
    const configs::RunConfig& config, const std::filesystem::path& adapter);

// The adapters of --adapter for each task of the run, in order: `given` are paths, of the tasks in
// their order, or TASK=PATH. Empty where none was given for a task: that of the run directory. One
// path is enough for tasks that share a prompt. Throws ConfigError that lists the tasks.
[[nodiscard]] std::vector<std::filesystem::path> adapters_by_task(
    const configs::RunConfig& config, const std::vector<std::string>& given);

// The values of what trained_prompt() found for the same `adapter`; nothing where it found nothing.
// Throws and warns as prompt::check_backbone does when it was made for another model.
[[nodiscard]] std::optional<at::Tensor> values_for(
    const Session& session, const std::optional<prompt::LoadedPrompt>& trained,
    const std::filesystem::path& adapter);

}  // namespace incipit::launcher
