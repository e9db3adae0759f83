#include "trainer/gradient.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace incipit::trainer {

std::span<float> elements(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

void clip_gradient(at::Tensor gradient, double norm, double max_norm) {
  if (max_norm <= 0) return;
  constexpr double kTorchEpsilon = 1e-6;
  gradient.mul_(std::min(1.0, max_norm / (norm + kTorchEpsilon)));
}

void require_finite(const at::Tensor& values, const char* what) {
  if (at::isfinite(values).all().item<bool>()) return;
  throw NumericsError(std::string(what) +
                      " has elements that are not finite and is not saved; lower "
                      "train.optimizer.lr or set train.max_grad_norm");
}

}  // namespace incipit::trainer
