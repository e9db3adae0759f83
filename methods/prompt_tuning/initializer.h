// Initializes the values of a soft prompt.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "methods/method_options.h"
#include "methods/prompt_tuning/soft_prompt.h"
#include "methods/start_inputs.h"

namespace incipit::prompt_tuning {

// Returns a prompt of [num_virtual_tokens, hidden] float32. A pure function of its arguments: the
// same on every rank, platform and run. Throws ConfigError when the text or the labels have no
// tokens, DataError when the file of `file` does not fit.
[[nodiscard]] SoftPrompt initialize_prompt(const methods::MethodOptions& options,
                                           const methods::StartInputs& inputs,
                                           const std::string& name);

// Returns the root mean square of all entries of the embedding table.
[[nodiscard]] double embedding_rms(const methods::StartInputs& inputs);

}  // namespace incipit::prompt_tuning
