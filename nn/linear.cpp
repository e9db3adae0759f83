#include "nn/linear.h"

#include "nn/collectives.h"
#include "nn/matmul.h"
#include "nn/ops.h"

namespace incipit::nn {

at::Tensor Linear::forward(const at::Tensor& x, const Additions& additions) const {
  at::Tensor y = matmul_nt(x, weight_->values());
  add_low_rank(additions, *weight_, x, y);
  weight_->progress();
  if (split_ == Split::kInputs) sum_over(*ranks_, y, "output of a layer");
  if (bias_) ops::add_(y, bias_->values());
  return y;
}

at::Tensor Linear::backward(const at::Tensor& grad, const at::Tensor& x,
                            const Additions& additions) const {
  if (trains()) {
    add_matmul_tn(weight_->gradient(), grad, x);
    if (bias_) {
      const at::Tensor& sum = bias_->gradient();
      sum.add_(grad.sum(0, /*keepdim=*/false, sum.scalar_type()));
    }
  }
  at::Tensor grad_x = matmul_nn(grad, weight_->values());
  add_low_rank_backward(additions, *weight_, grad, x, grad_x);
  weight_->progress();
  if (split_ == Split::kOutputs) sum_over(*ranks_, grad_x, "gradient of a layer's input");
  return grad_x;
}

}  // namespace incipit::nn
