// Functions on the whole gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace incipit::trainer {

// Returns the elements of a contiguous float32 tensor in host memory.
[[nodiscard]] std::span<float> elements(const at::Tensor& tensor);

// Scales the gradient, or a part of it, so that the whole gradient, whose norm is `norm`, has at
// most norm `max_norm`, as torch's clip_grad_norm_ does. With max_norm 0 it does nothing.
void clip_gradient(at::Tensor gradient, double norm, double max_norm);

// Throws NumericsError unless every element is finite. `what` names the tensor in the message.
void require_finite(const at::Tensor& values, const char* what);

}  // namespace incipit::trainer
