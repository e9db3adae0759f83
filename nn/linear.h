// A linear map, y = x W^T + b, and how tensor parallel ranks divide it (Megatron, Shoeybi et al.
// 2019).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "comm/communicator.h"
#include "nn/low_rank.h"
#include "nn/parameter.h"

namespace incipit::nn {

class Linear {
 public:
  // A map by outputs followed by one by inputs needs no communication between the two.
  enum class Split {
    kOutputs,  // column-parallel: each rank has some outputs; backward sums over the ranks
    kInputs,   // row-parallel: each rank has some inputs; forward sums over the ranks
  };

  Linear() = default;
  // `weight` [out, in] and `bias` [out] (or null) are this rank's. `ranks` are the tensor parallel
  // ranks. All must outlive the object.
  Linear(const Parameter& weight, const Parameter* bias, Split split, comm::Communicator& ranks)
      : weight_(&weight), bias_(bias), split_(split), ranks_(&ranks) {}

  // Returns x W^T + b and what `additions` add.  x [rows, in] -> [rows, out]. Collective if split
  // by inputs.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const Additions& additions = {}) const;
  // Returns the gradient with respect to x: grad W, and that of additions.  grad [rows, out] ->
  // [rows, in]. Collective if split by outputs. Adds the gradients of weight and bias if they are
  // trained, and those of additions. Only if needs_input() it needs x.
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad, const at::Tensor& x,
                                    const Additions& additions = {}) const;
  // Whether backward() needs x: valid while the map is in use in a backward pass.
  [[nodiscard]] bool needs_input(const Additions& additions) const {
    return trains() || add_to(additions, *weight_);
  }

 private:
  [[nodiscard]] bool trains() const { return weight_->gradient().defined(); }

  const Parameter* weight_ = nullptr;
  const Parameter* bias_ = nullptr;
  Split split_ = Split::kOutputs;
  comm::Communicator* ranks_ = nullptr;
};

}  // namespace incipit::nn
