// The prompt methods. Only this registry and methods/method_options.cpp, which declares their keys
// without the engine, list them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "methods/method.h"

namespace incipit::methods {

// Adds a method defined outside of this project, and the declaration of its options. Call before
// configurations are read, from one thread. Throws LogicError if the kind is there already, or if
// two methods load adapters of one peft_type.
void add_method(Method method, MethodDeclaration declaration);

// Returns what a method trains, in its initial state. A pure function of its arguments: the same on
// every rank, platform and run. Throws ConfigError or DataError when the options do not fit, and
// LogicError for `none`.
[[nodiscard]] std::shared_ptr<Trainable> make_trainable(const MethodOptions& options,
                                                        const StartInputs& inputs,
                                                        const std::string& name);

// Returns the same without data, on the meta device. Reads neither files nor a model.
[[nodiscard]] std::shared_ptr<Trainable> make_trainable_without_data(
    MethodOptions options, const model::ModelSpec& spec, const std::string& name,
    const std::optional<HeadOptions>& head = {});

// Whether the method trains the weights of the model (Trainable::trains_backbone).
[[nodiscard]] bool trains_backbone(const MethodOptions& options);

// Return what the options alone say of what is trained: the rows that precede a sequence, and a
// title such as "soft prompt of 20 tokens". Nothing for `none`.
[[nodiscard]] PromptRows prompt_rows(const MethodOptions& options);
[[nodiscard]] std::string prompt_title(const MethodOptions& options);
// Returns how Python loads an adapter of the method (Method::in_python); "" for `none`.
[[nodiscard]] std::string loading_in_python(const MethodOptions& options);
// Returns the number of numbers that are saved. Throws ConfigError if the method does not fit the
// model.
[[nodiscard]] std::int64_t trained_numbers(const MethodOptions& options,
                                           const model::ModelSpec& spec,
                                           const std::optional<HeadOptions>& head = {});

// Throws ConfigError if the method does not fit the model, or cannot start from init.text, which
// has `text_tokens` tokens. Needs no weights, unlike make_trainable().
void check_start(const MethodOptions& options, const model::ModelSpec& spec,
                 std::int64_t text_tokens);

// Returns Method::examples() of every method.
[[nodiscard]] std::vector<MethodOptions> example_options();

// Whether a folder has an adapter (adapter_config.json), or the two of methods/combined.
[[nodiscard]] bool is_adapter(const std::filesystem::path& folder);

// Loads a PEFT adapter folder of any of the methods, or a soft prompt from a .npy file. FOLDER/TASK
// is also the prompt of one task of an adapter of several (methods/multitask). Throws DataError
// when it is missing or damaged.
[[nodiscard]] LoadedPrompt load_prompt(const std::filesystem::path& path);

// Throws DataError if the prompt cannot belong to the model or is that of several tasks; warns when
// it was made for other weights. `path` is used in the messages.
void check_backbone(const LoadedPrompt& loaded, const model::ModelSpec& spec,
                    const BackboneInfo& backbone, const std::filesystem::path& path);

}  // namespace incipit::methods
