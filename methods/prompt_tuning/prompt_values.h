// Checks that readers and writers of prompt files share.
#pragma once

#include <ATen/core/Tensor.h>

#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::prompt_tuning {

// Checks a prompt before it is saved. Throws LogicError when the values are not [P, d] float32,
// NumericsError when one is not finite.
void check_prompt(const SoftPrompt& prompt);

// Whether every value of a float32 tensor is finite.
[[nodiscard]] bool all_finite(const at::Tensor& values);

}  // namespace incipit::prompt_tuning
