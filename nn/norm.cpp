#include "nn/norm.h"

#include <ATen/TensorOperators.h>

#include "nn/ops.h"

namespace incipit::nn {

at::Tensor Norm::factors() const {
  return kind_ == NormKind::kRmsOffset ? weight_->values() + 1 : weight_->values();
}

at::Tensor Norm::forward(const at::Tensor& x, NormStatistics& statistics) const {
  switch (kind_) {
    case NormKind::kLayer:
      return ops::layer_norm(x, weight_->values(), bias_->values(), eps_, statistics.mean,
                             statistics.inverse);
    case NormKind::kRms:
    case NormKind::kRmsOffset:
      break;
  }
  return ops::rms_norm(x, factors(), eps_, statistics.inverse);
}

void Norm::backward_add(const at::Tensor& grad, const at::Tensor& x,
                        const NormStatistics& statistics, at::Tensor& grad_x) const {
  if (weight_->gradient().defined()) add_gradient(grad, x, statistics);
  switch (kind_) {
    case NormKind::kLayer:
      return ops::layer_norm_backward_add(grad, x, weight_->values(), statistics.mean,
                                          statistics.inverse, grad_x);
    case NormKind::kRms:
    case NormKind::kRmsOffset:
      break;
  }
  ops::rms_norm_backward_add(grad, x, factors(), statistics.inverse, grad_x);
}

void Norm::add_gradient(const at::Tensor& grad, const at::Tensor& x,
                        const NormStatistics& statistics) const {
  const at::ScalarType wide = weight_->gradient().scalar_type();
  const at::Tensor wide_grad = grad.to(wide);
  at::Tensor normal = x.to(wide);
  if (statistics.mean.defined()) normal = normal - statistics.mean;
  weight_->gradient().add_((normal * statistics.inverse.view({-1, 1}) * wide_grad).sum(0));
  if (bias_) bias_->gradient().add_(wide_grad.sum(0));
}

}  // namespace incipit::nn
