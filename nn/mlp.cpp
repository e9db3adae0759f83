#include "nn/mlp.h"

#include "nn/ops.h"

namespace incipit::nn {

at::Tensor Mlp::forward_add(const at::Tensor& x, const at::Tensor& residual,
                            at::Tensor& hidden) const {
  hidden = up_.forward(x);
  return down_.forward_add(
      activation_ == Activation::kSwiglu ? ops::swiglu(hidden) : ops::gelu_tanh(hidden), residual);
}

at::Tensor Mlp::backward(const at::Tensor& grad, const at::Tensor& hidden) const {
  const at::Tensor grad_active = down_.backward(grad);
  return up_.backward(activation_ == Activation::kSwiglu
                          ? ops::swiglu_backward(grad_active, hidden)
                          : ops::gelu_tanh_backward(grad_active, hidden));
}

}  // namespace incipit::nn
