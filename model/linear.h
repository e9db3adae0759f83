// A weight as the blocks reach it, whatever stands behind: dense, and later sharded,
// gathered, trainable or quantised storage.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace incipit::model {

class Linear {
 public:
  virtual ~Linear() = default;

  // y = x W^T + b.  x [rows, in] -> [rows, out]
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x) const = 0;
  // residual + x W^T + b, as a new tensor [rows, out]
  [[nodiscard]] virtual at::Tensor forward_add(const at::Tensor& x,
                                               const at::Tensor& residual) const = 0;
  // The gradient with respect to x: g W.  g [rows, out] -> [rows, in]
  [[nodiscard]] virtual at::Tensor backward(const at::Tensor& grad) const = 0;

  [[nodiscard]] virtual std::int64_t bytes() const = 0;
  // The stored tensors, for hashing (weight, then bias when there is one).
  [[nodiscard]] virtual std::vector<at::Tensor> stored() const = 0;
};

// A weight [out, in] held whole on one device; `bias` [out] or undefined.
[[nodiscard]] std::unique_ptr<Linear> make_dense_linear(at::Tensor weight, at::Tensor bias = {});

}  // namespace incipit::model
