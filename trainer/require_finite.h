// Checks of values before they are saved.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::trainer {

// Throws NumericsError unless every element is finite. `what` names the tensor in the message.
void require_finite(const at::Tensor& values, const char* what);

}  // namespace incipit::trainer
