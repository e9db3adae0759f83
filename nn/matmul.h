// Matmuls of activations with a weight on one rank, with the fastest implementation for the device
// and dtype. Throw libtorch's c10::Error if shapes, dtypes or devices do not match. Not collective.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

// Returns x W^T.  x [rows, in], weight [out, in] of x's dtype and device -> [rows, out], contiguous
[[nodiscard]] at::Tensor matmul_nt(const at::Tensor& x, const at::Tensor& weight);

// Returns grad W.
// grad [rows, out], weight [out, in] of grad's dtype and device -> [rows, in], contiguous
[[nodiscard]] at::Tensor matmul_nn(const at::Tensor& grad, const at::Tensor& weight);

// Write x W^T or grad W to `to` [rows, out] or [rows, in], contiguous.
void write_matmul_nt(at::Tensor to, const at::Tensor& x, const at::Tensor& weight);
void write_matmul_nn(at::Tensor to, const at::Tensor& grad, const at::Tensor& weight);

// Add x W^T or grad W to `sum` [rows, out] or [rows, in], whose rows may be strided, as may those
// of x and grad.
void add_matmul_nt(at::Tensor sum, const at::Tensor& x, const at::Tensor& weight);
void add_matmul_nn(at::Tensor sum, const at::Tensor& grad, const at::Tensor& weight);

// Adds grad^T x to `sum`, with sums in its dtype, the accumulate type of grad and x.
// grad [rows, out], x [rows, in], sum [out, in]
void add_matmul_tn(at::Tensor sum, const at::Tensor& grad, const at::Tensor& x);

}  // namespace incipit::nn
