// What the readers and writers of prompt files check alike.
#pragma once

#include <ATen/core/Tensor.h>

#include "prompt/soft_prompt.h"

namespace incipit::prompt {

// Before saving. Throws LogicError when the values are no [P, d] float32, NumericsError
// when one is not finite.
void check_prompt(const SoftPrompt& prompt);

// Whether every number of a float32 tensor is finite.
[[nodiscard]] bool all_finite(const at::Tensor& values);

}  // namespace incipit::prompt
