#include "nn/linear.h"

#include "nn/collectives.h"
#include "nn/matmul.h"

namespace incipit::nn {

at::Tensor Linear::forward(const at::Tensor& x) const {
  at::Tensor y = matmul_nt(x, weight_->values());
  weight_->progress();
  if (split_ == Split::kInputs) sum_over(*ranks_, y, "output of a layer");
  return bias_ ? y.add_(bias_->values()) : y;
}

at::Tensor Linear::backward(const at::Tensor& grad) const {
  at::Tensor grad_x = matmul_nn(grad, weight_->values());
  weight_->progress();
  if (split_ == Split::kOutputs) sum_over(*ranks_, grad_x, "gradient of a layer's input");
  return grad_x;
}

}  // namespace incipit::nn
