#include "nn/norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include "nn/device_path.h"
#include "nn/ops.h"

namespace incipit::nn {

at::Tensor Norm::factors() const {
  return kind_ == NormKind::kRmsOffset ? weight_->values() + 1 : weight_->values();
}

at::Tensor Norm::launch_forward(const DevicePath& path, const at::Tensor& x,
                                const at::Tensor& residual, const at::Tensor& sum,
                                const at::Tensor& y, std::int64_t groups,
                                NormStatistics& statistics) const {
  const auto float32 = [](const at::Tensor& x) { return x.mutable_data_ptr<float>(); };
  const bool centred = kind_ == NormKind::kLayer;
  const std::int64_t count = x.size(0) * groups;
  statistics.inverse = at::empty({count}, x.options().dtype(at::kFloat));
  if (centred) statistics.mean = at::empty({count}, statistics.inverse.options());
  launch(path, x, path.kernels->norm,
         kernels::cuda::Norm{
             .rows = x.size(0),
             .groups = groups,
             .width = x.size(1) / groups,
             .centred = centred,
             .eps = static_cast<float>(eps_),
             .offset = static_cast<float>(offset()),
             .x = input_of(x),
             .residual = residual.defined() ? input_of(residual) : kernels::cuda::Input{},
             .sum = sum.defined() ? output_of(sum) : kernels::cuda::Output{},
             .weight = float32(weight_->values()),
             .bias = bias_ ? float32(bias_->values()) : nullptr,
             .y = output_of(y),
             .mean = centred ? float32(statistics.mean) : nullptr,
             .inverse = float32(statistics.inverse)});
  return y;
}

void Norm::launch_backward(const DevicePath& path, const at::Tensor& grad, const at::Tensor& x,
                           const NormStatistics& statistics, const at::Tensor& grad_x,
                           std::int64_t groups, bool add) const {
  const bool centred = kind_ == NormKind::kLayer;
  launch(path, x, path.kernels->norm_backward,
         kernels::cuda::NormBackward{
             .rows = x.size(0),
             .groups = groups,
             .width = x.size(1) / groups,
             .centred = centred,
             .offset = static_cast<float>(offset()),
             .add = add,
             .grad = input_of(grad),
             .x = input_of(x),
             .weight = weight_->values().const_data_ptr<float>(),
             .mean = centred ? statistics.mean.const_data_ptr<float>() : nullptr,
             .inverse = statistics.inverse.const_data_ptr<float>(),
             .grad_x = output_of(grad_x)});
}

at::Tensor Norm::forward_sum(at::Tensor y, const at::Tensor& residual, at::Tensor& sum,
                             NormStatistics& statistics) const {
  if (const DevicePath* const path = device_path(y)) {
    sum = y;
    return launch_forward(*path, y, residual, sum, at::empty(y.sizes(), y.options()), 1,
                          statistics);
  }
  sum = y.add_(residual);
  return forward(sum, statistics);
}

void Norm::forward_heads(at::Tensor x) const {
  const std::int64_t width = weight_->values().size(0);
  NormStatistics unused;
  if (const DevicePath* const path = device_path(x)) {
    launch_forward(*path, x, {}, {}, x, x.size(1) / width, unused);
    return;
  }
  x.copy_(forward(x.contiguous().view({-1, width}), unused).view_as(x));
}

void Norm::backward_heads(at::Tensor grad, const at::Tensor& x) const {
  const std::int64_t width = weight_->values().size(0);
  NormStatistics statistics;
  const DevicePath* const path = device_path(grad);
  if (path != nullptr && grad.scalar_type() == x.scalar_type() && !weight_->gradient().defined()) {
    const std::int64_t groups = x.size(1) / width;
    launch_forward(*path, x, {}, {}, at::empty({x.size(0), x.size(1)}, x.options()), groups,
                   statistics);
    launch_backward(*path, grad, x, statistics, grad, groups, /*add=*/false);
    return;
  }
  const at::Tensor heads = x.contiguous().view({-1, width}).to(grad.scalar_type());
  (void)forward(heads, statistics);
  at::Tensor grad_x = at::zeros_like(heads);
  backward_add(grad.contiguous().view({-1, width}), heads, statistics, grad_x);
  grad.copy_(grad_x.view_as(grad));
}

void Norm::backward(const at::Tensor& grad, const at::Tensor& x, const NormStatistics& statistics,
                    at::Tensor grad_x) const {
  const DevicePath* const path = device_path(x);
  if (path != nullptr) {
    if (weight_->gradient().defined()) add_gradient(grad, x, statistics);
    launch_backward(*path, grad, x, statistics, grad_x, 1, /*add=*/false);
    return;
  }
  grad_x.zero_();
  backward_add(grad, x, statistics, grad_x);
}

at::Tensor Norm::forward(const at::Tensor& x, NormStatistics& statistics) const {
  if (const DevicePath* const path = device_path(x)) {
    const at::Tensor y = at::empty({x.size(0), x.size(1)}, x.options());
    return launch_forward(*path, x, {}, {}, y, 1, statistics);
  }
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
  if (const DevicePath* const path = device_path(x)) {
    return launch_backward(*path, grad, x, statistics, grad_x, 1, /*add=*/true);
  }
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
  if (statistics.mean.defined()) normal = normal - statistics.mean.view({-1, 1});
  weight_->gradient().add_((normal * statistics.inverse.view({-1, 1}) * wide_grad).sum(0));
  if (bias_) bias_->gradient().add_(wide_grad.sum(0));
}

}  // namespace incipit::nn
