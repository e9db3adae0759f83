// The feed-forward part of a transformer layer.
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/kinds.h"
#include "nn/linear.h"

namespace incipit::nn {

class Mlp {
 public:
  Mlp() = default;
  // `up` has the outputs of the gate, if there is one, before those of the up projection.
  Mlp(Activation activation, const Linear& up, const Linear& down)
      : activation_(activation), up_(up), down_(down) {}

  // Returns down(activation(up(x))). Sets `hidden` to up(x), for backward.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, at::Tensor& hidden) const;
  // Returns the gradient with respect to x. If the weights are trained, adds their gradients; only
  // then it needs x.
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad, const at::Tensor& hidden,
                                    const at::Tensor& x) const;
  // As Linear::trains().
  [[nodiscard]] bool trains() const { return up_.trains(); }

 private:
  Activation activation_ = Activation::kSwiglu;
  Linear up_;
  Linear down_;
};

}  // namespace incipit::nn
