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
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const Additions& additions,
                                   at::Tensor& hidden) const;
  // Returns up(x), what forward() sets `hidden` to.
  [[nodiscard]] at::Tensor up(const at::Tensor& x, const Additions& additions) const {
    return up_.forward(x, additions);
  }
  // Returns the gradient with respect to x, as Linear::backward() does.
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad, const at::Tensor& hidden,
                                    const at::Tensor& x, const Additions& additions) const;
  // As Linear::needs_input().
  [[nodiscard]] bool needs_input(const Additions& additions) const {
    return up_.needs_input(additions);
  }

 private:
  Activation activation_ = Activation::kSwiglu;
  Linear up_;
  Linear down_;
};

}  // namespace incipit::nn
