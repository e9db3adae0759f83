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

at::Tensor Mlp::forward(const at::Tensor& x, at::Tensor& hidden) const {
  hidden = up_.forward(x);
  return down_.forward(activate(activation_, hidden));
}

at::Tensor Mlp::backward(const at::Tensor& grad, const at::Tensor& hidden,
                         const at::Tensor& x) const {
  const at::Tensor active = down_.trains() ? activate(activation_, hidden) : at::Tensor();
  return up_.backward(activate_backward(activation_, down_.backward(grad, active), hidden), x);
}

}  // namespace incipit::nn
