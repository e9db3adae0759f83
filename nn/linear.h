// The interface through which blocks use a weight: whole or split over ranks, and later trainable
// or quantised.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "comm/communicator.h"

namespace incipit::nn {

class Linear {
 public:
  virtual ~Linear() = default;

  // Returns x W^T + b.  x [rows, in] -> [rows, out]
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x) const = 0;
  // Returns residual + x W^T + b, as a new tensor [rows, out].
  [[nodiscard]] virtual at::Tensor forward_add(const at::Tensor& x,
                                               const at::Tensor& residual) const = 0;
  // Returns the gradient with respect to x: grad W.  grad [rows, out] -> [rows, in]
  [[nodiscard]] virtual at::Tensor backward(const at::Tensor& grad) const = 0;

  [[nodiscard]] virtual std::int64_t bytes() const = 0;
  // The stored tensors, for hashing (weight, then bias when there is one).
  [[nodiscard]] virtual std::vector<at::Tensor> stored() const = 0;
};

// Returns a whole weight [out, in] on one device, with `bias` [out] or undefined.
[[nodiscard]] std::unique_ptr<Linear> make_dense_linear(at::Tensor weight, at::Tensor bias = {});

// Column-parallel and row-parallel weights (Megatron, Shoeybi et al. 2019). Used as a pair, they
// need no communication between them. `ranks` must outlive them. On one rank both are the dense
// weight.
//
// Column-parallel: this rank's rows of a weight and of its bias. `forward` returns this rank's
// columns of the result. `backward` takes their gradient and sums over the ranks: collective.
[[nodiscard]] std::unique_ptr<Linear> make_column_parallel(at::Tensor weight, at::Tensor bias,
                                                           comm::Communicator& ranks);
// Row-parallel: this rank's columns of a weight, and the whole bias. `forward` and `forward_add`
// take this rank's columns of the input, sum over the ranks, and add bias and residual once:
// collective. `backward` returns this rank's columns.
[[nodiscard]] std::unique_ptr<Linear> make_row_parallel(at::Tensor weight, at::Tensor bias,
                                                        comm::Communicator& ranks);

}  // namespace incipit::nn
