// Checks, before work starts, that every rank of a job read the same inputs. Ranks may run on
// different machines, where the same path can lead to different files.
//
// Every function is collective. It throws ConfigError on every rank if the ranks differ; the
// message names the input and the ranks.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "comm/communicator.h"
#include "data/loaded_task.h"
#include "methods/prompt.h"
#include "model/model_options.h"
#include "model/weight_files.h"

namespace incipit::launcher {

void require_same_build(comm::Communicator& world);

// Compares config.json, the headers of the weight files, and the bytes of the weights: a sample of
// every tensor, or all bytes, as options.check_weights says. Returns the fingerprint of the
// weights.
[[nodiscard]] std::string require_same_model(comm::Communicator& world,
                                             const model::ModelOptions& options,
                                             const model::WeightFiles& weights);

// Compares the tokenizer, the special tokens and the chat format.
void require_same_text_model(comm::Communicator& world, const data::TaskModel& model);

// Compares the examples of all splits and the prefix.
void require_same_data(comm::Communicator& world, const data::LoadedTask& task);

// Compares the values of the prompts that a run starts from or uses. `what` names them:
// "initial prompts". A null prompt is none.
void require_same_prompts(comm::Communicator& world, const std::string& what,
                          std::span<const std::shared_ptr<methods::Trainable>> prompts);

}  // namespace incipit::launcher
