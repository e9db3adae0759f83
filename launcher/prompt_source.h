// Supplies the prompts of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launcher/session.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"

namespace incipit::launcher {

// Returns the rows of every member's prompt of a sweep, else one number for all tasks.
[[nodiscard]] std::vector<std::int64_t> prompt_rows_of(const configs::RunConfig& config);

// Returns the head that a task trains, if its kind has one.
[[nodiscard]] std::optional<methods::HeadOptions> head_of(const data::TaskOptions& task);

// Throws ConfigError if the run's method does not fit the model or the tasks, or cannot start from
// its text. A SessionCheck: it needs no weights.
void check_starts(const configs::RunConfig& config, const model::ModelSpec& spec,
                  std::span<const data::LoadedTask> tasks);

// Returns what is trained, in its initial state: a prompt for each task or one for all, as
// method.init says, or the weights of the model. The same on every rank.
[[nodiscard]] std::vector<std::shared_ptr<methods::Trainable>> start_prompts(
    const Session& session);

// Returns the configuration for using the result of a run. If the method trains the weights of the
// model, that is model/best of the run directory, without a prompt; else `config`. Throws
// ConfigError that says what to do when there is no trained model.
[[nodiscard]] configs::RunConfig with_trained_weights(configs::RunConfig config);

// Returns the trained prompt for an evaluation: `adapter` (a PEFT folder or a .npy file) or,
// if it is empty, adapter/best of the run directory. Nothing if method.kind is none. Throws
// ConfigError that says what to do when there is no prompt.
[[nodiscard]] std::optional<methods::LoadedPrompt> trained_prompt(
    const configs::RunConfig& config, const std::filesystem::path& adapter);

// Returns the adapter paths of --adapter for each task of the run, in order. `given` are paths, in
// the order of the tasks, or TASK=PATH. A task without one gets an empty path: the adapter in the
// run directory. One path is enough for tasks that share a prompt. Throws ConfigError that lists
// the tasks.
[[nodiscard]] std::vector<std::filesystem::path> adapters_by_task(
    const configs::RunConfig& config, const std::vector<std::string>& given);

// Returns the number of rows that a trained prompt puts before a sequence.
[[nodiscard]] std::int64_t rows_of(const std::optional<methods::LoadedPrompt>& trained);

// Checks that what trained_prompt() returned for `adapter` is the same on all ranks and fits the
// model. Throws and warns as methods::check_backbone does when it was made for another one. Throws
// ConfigError when its head is not that of the session's task.
// Collective.
void check_prompt(const Session& session, const std::optional<methods::LoadedPrompt>& trained,
                  const std::filesystem::path& adapter);

// Returns the session's model with this prompt, if any, after check_prompt(). The session must
// outlive it. Collective.
[[nodiscard]] methods::PromptedModel prompted_model(
    const Session& session, const std::optional<methods::LoadedPrompt>& trained,
    const std::filesystem::path& adapter);

}  // namespace incipit::launcher
