// The gradient as a whole.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace incipit::trainer {

// The elements of a contiguous float32 tensor in host memory.
[[nodiscard]] std::span<float> elements(const at::Tensor& tensor);

// The Euclidean norm of all of them together, summed in double precision; not finite when an
// element is not.
[[nodiscard]] double gradient_norm(std::span<const at::Tensor> gradients);

// Scales the gradient, or a part of it, by what takes the whole one, of norm `norm`, down to
// `max_norm`, as torch's clip_grad_norm_ does; with max_norm 0 leaves it.
void clip_gradient(at::Tensor& gradient, double norm, double max_norm);

// Throws NumericsError unless every element is finite. `what` names it in the message.
void require_finite(const at::Tensor& values, const char* what);

}  // namespace incipit::trainer
