// The operations of a block other than matmuls, norms of a GPU and attention. On the CPU they use
// our row kernels (kernels/cpu/kernels.h), on a GPU those of nn/device_path.h; elsewhere they are
// composed of ATen calls.
//
// "Accumulate type" is float32, or float64 for float64 tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace incipit::nn::ops {

// Cosines and sines of the rotary angles: [positions, head_dim / 2], accumulate type.
struct RotaryTable {
  at::Tensor cos;
  at::Tensor sin;
};

// Returns x / sqrt(mean(x^2) + eps) * weight over the last dimension. x [rows, width], weight
// [width] of accumulate type. Sets `r` to the inverse root mean square of every row.
[[nodiscard]] at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                                  at::Tensor& r);
// grad_x += gradient of rms_norm at x. All are [rows, width], contiguous.
void rms_norm_backward_add(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& r, at::Tensor& grad_x);

// Returns (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension. x [rows,
// width], weight and bias [width] of accumulate type. Sets `mean` and `inverse` (1 / sqrt(variance
// + eps)) of every row, [rows, 1].
[[nodiscard]] at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& bias, double eps, at::Tensor& mean,
                                    at::Tensor& inverse);
// grad_x += gradient of layer_norm at x. All are [rows, width].
void layer_norm_backward_add(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& mean, const at::Tensor& inverse, at::Tensor& grad_x);

// Applies rotary position embeddings (halves layout) to `heads` heads, in place. x [rows, heads *
// head_dim], rows may be strided; positions [rows] int32. With `back`, rotates back, which is the
// gradient.
void rotate_(at::Tensor x, std::int64_t heads, const at::Tensor& positions,
             const RotaryTable& table, bool back = false);

// Returns silu(gate) * up. gate_up is [rows, 2 width]: gate | up.
[[nodiscard]] at::Tensor swiglu(const at::Tensor& gate_up);
[[nodiscard]] at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up);

// Returns gelu_tanh(gate) * up. gate_up is [rows, 2 width]: gate | up.
[[nodiscard]] at::Tensor geglu_tanh(const at::Tensor& gate_up);
[[nodiscard]] at::Tensor geglu_tanh_backward(const at::Tensor& grad, const at::Tensor& gate_up);

// Returns x Phi(x), with the tanh approximation of the normal distribution function Phi.
[[nodiscard]] at::Tensor gelu_tanh(const at::Tensor& x);
[[nodiscard]] at::Tensor gelu_tanh_backward(const at::Tensor& grad, const at::Tensor& x);

// x += y. y [rows, width] or [width].
void add_(at::Tensor x, const at::Tensor& y);

// x += factor * y. x [rows, width] of the accumulate type of y.
void accumulate_(at::Tensor x, const at::Tensor& y, double factor = 1);
// to = factor * from. Both are [rows, width]; `from` has the accumulate type of `to`.
void write_(at::Tensor to, const at::Tensor& from, double factor = 1);
// x /= divisor. divisor [] float64.
void divide_(at::Tensor x, const at::Tensor& divisor);
// Sets x, which is contiguous, to zeros.
void clear_(at::Tensor x);
// Returns contiguous zeros.
[[nodiscard]] at::Tensor zeros(at::IntArrayRef sizes, const at::TensorOptions& options);

// Sets rows of x [rows, width] to zeros where mask, [rows] int32, is 0; elsewhere it is 1.
void mask_rows_(at::Tensor x, const at::Tensor& mask);

// Returns a contiguous copy of x [rows, width].
[[nodiscard]] at::Tensor copy_rows(const at::Tensor& x);
// Returns rows of x [rows, width]. index [selected] int64.
[[nodiscard]] at::Tensor select_rows(const at::Tensor& x, const at::Tensor& index);
// Sets rows `index` ([rows] int64) of `to` to the rows of x [rows, width].
void put_rows_(at::Tensor to, const at::Tensor& index, const at::Tensor& x);
// Returns zeros [rows, width] with the rows of x at `index`, which is ascending.
[[nodiscard]] at::Tensor expand_rows(const at::Tensor& x, const at::Tensor& index,
                                     std::int64_t rows);

// Sets x to cap * tanh(x / cap) and returns it. x has the accumulate type.
at::Tensor softcap_(at::Tensor x, double cap);
// Returns the derivative of softcap_() where it returned `capped`.
[[nodiscard]] at::Tensor softcap_slope(const at::Tensor& capped, double cap);

// Returns the dtype in which values of dtype `storage` are accumulated.
[[nodiscard]] at::ScalarType accumulate_type(at::ScalarType storage);

}  // namespace incipit::nn::ops
