#include "trainer/require_finite.h"

#include <ATen/ops/isfinite.h>

#include <string>

#include "core/error.h"

namespace incipit::trainer {

void require_finite(const at::Tensor& values, const char* what) {
  if (at::isfinite(values).all().item<bool>()) return;
  throw NumericsError(std::string(what) +
                      " has elements that are not finite and is not saved; lower "
                      "train.optimizer.lr or set train.max_grad_norm");
}

}  // namespace incipit::trainer
