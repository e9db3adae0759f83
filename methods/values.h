// Checks of the values of prompts.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace incipit::methods {

// Whether every value of a float32 tensor is finite.
[[nodiscard]] bool all_finite(const at::Tensor& values);

// Checks the values of prompt `name` before they are saved. Throws LogicError unless they are a
// matrix of float32, or several in one tensor, NumericsError when one is not finite.
void check_values(const std::string& name, const at::Tensor& values);

}  // namespace incipit::methods
