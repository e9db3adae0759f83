// A weight as the blocks reach it, whatever stands behind: held whole or split over ranks, and
// later trainable or quantised.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "comm/communicator.h"

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

// The two halves of a pair of weights split over ranks (Megatron, Shoeybi et al. 2019), between
// which every rank goes on with what it computed; `ranks` outlives them. On one rank both are
// the dense weight.
//
// This rank's rows of a weight and of its bias: `forward` gives this rank's columns of the
// result; `backward` takes them, sums over the ranks and is collective.
[[nodiscard]] std::unique_ptr<Linear> make_column_parallel(at::Tensor weight, at::Tensor bias,
                                                           comm::Communicator& ranks);
// This rank's columns of a weight, and the whole bias: `forward` and `forward_add` take this
// rank's columns of the input, sum over the ranks, add bias and residual once and are
// collective; `backward` gives this rank's columns.
[[nodiscard]] std::unique_ptr<Linear> make_row_parallel(at::Tensor weight, at::Tensor bias,
                                                        comm::Communicator& ranks);

}  // namespace incipit::model
