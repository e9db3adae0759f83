// Products of activations with a weight on one rank, on the fastest route of the device and dtype;
// not collective. Shapes, dtypes or devices that do not fit throw libtorch's c10::Error.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::model {

// x W^T.  x [rows, in], weight [out, in] of x's dtype and device -> [rows, out], contiguous
[[nodiscard]] at::Tensor matmul_nt(const at::Tensor& x, const at::Tensor& weight);

// g W.  grad [rows, out], weight [out, in] of grad's dtype and device -> [rows, in], contiguous
[[nodiscard]] at::Tensor matmul_nn(const at::Tensor& grad, const at::Tensor& weight);

}  // namespace incipit::model
