// Where the soft prompt of a run comes from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "launcher/session.h"
#include "prompt/adapter_files.h"
#include "prompt/soft_prompt.h"

namespace incipit::launcher {

// The soft prompt that training starts from, as method.init says. The same on every rank.
[[nodiscard]] prompt::SoftPrompt start_prompt(const Session& session);

// The trained soft prompt that an evaluation takes: `adapter` (a PEFT folder or a .npy) or,
// where it is empty, adapter/best of the run directory; nothing under method.kind: none.
// Throws ConfigError saying what to do when there is none.
[[nodiscard]] std::optional<prompt::LoadedPrompt> trained_prompt(
    const configs::RunConfig& config, const std::filesystem::path& adapter);

// The values of what trained_prompt() found for the same `adapter`; nothing where it found nothing.
// Throws and warns as prompt::check_backbone does when it was made for another model.
[[nodiscard]] std::optional<at::Tensor> values_for(
    const Session& session, const std::optional<prompt::LoadedPrompt>& trained,
    const std::filesystem::path& adapter);

}  // namespace incipit::launcher
