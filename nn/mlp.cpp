#include "nn/mlp.h"

#include "nn/ops.h"

namespace incipit::nn {
namespace {

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSwiglu:
      return ops::swiglu(x);
    case Activation::kGegluTanh:
      return ops::geglu_tanh(x);
    case Activation::kGeluTanh:
      break;
  }
  return ops::gelu_tanh(x);
}

at::Tensor activate_backward(Activation activation, const at::Tensor& grad, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSwiglu:
      return ops::swiglu_backward(grad, x);
    case Activation::kGegluTanh:
      return ops::geglu_tanh_backward(grad, x);
    case Activation::kGeluTanh:
      break;
  }
  return ops::gelu_tanh_backward(grad, x);
}

}  // namespace

at::Tensor Mlp::forward(const at::Tensor& x, const Additions& additions, at::Tensor& hidden) const {
  hidden = up_.forward(x, additions);
  return down_.forward(activate(activation_, hidden), additions);
}

at::Tensor Mlp::backward(const at::Tensor& grad, const at::Tensor& hidden, const at::Tensor& x,
                         const Additions& additions) const {
  const at::Tensor active =
      down_.needs_input(additions) ? activate(activation_, hidden) : at::Tensor();
  const at::Tensor grad_active = down_.backward(grad, active, additions);
  return up_.backward(activate_backward(activation_, grad_active, hidden), x, additions);
}

}  // namespace incipit::nn
