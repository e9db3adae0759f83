// The operations of a block apart from matrix products and attention. On the CPU they run
// our row kernels (model/cpu/kernels.h); on other devices they are composed of ATen calls.
//
// "Accumulate type" is float32, or float64 for float64 tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace incipit::model::ops {

// Cosines and sines of every position's angles, [positions, head_dim / 2], accumulate type.
struct RotaryTable {
  at::Tensor cos;
  at::Tensor sin;
};

// x / sqrt(mean(x^2) + eps) * weight over the last dimension. x [rows, width], weight
// [width] of accumulate type. `r` receives the inverse root mean square of every row.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                                  at::Tensor& r);
// grad_x += gradient of rms_norm at x. All [rows, width] contiguous.
void rms_norm_backward_add(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& r, at::Tensor& grad_x);

// Rotary embedding (halves layout) of `heads` heads, in place. x [rows, heads * head_dim],
// rows may be strided; positions [rows] int32. `back` undoes it: its gradient.
void rotate_(at::Tensor x, std::int64_t heads, const at::Tensor& positions,
             const RotaryTable& table, bool back = false);

// silu(gate) * up; gate_up [rows, 2 width] holds gate | up.
[[nodiscard]] at::Tensor swiglu(const at::Tensor& gate_up);
[[nodiscard]] at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up);

// The dtype in which sums over x are formed.
[[nodiscard]] at::ScalarType accumulate_type(at::ScalarType storage);

}  // namespace incipit::model::ops
