#include "methods/values.h"

#include <cmath>

#include "core/check.h"
#include "core/error.h"

namespace incipit::methods {

bool all_finite(const at::Tensor& values) {
  const at::Tensor local = values.detach().to(at::kCPU).contiguous();
  const float* numbers = local.const_data_ptr<float>();
  for (std::int64_t i = 0; i < local.numel(); ++i) {
    if (!std::isfinite(numbers[i])) return false;
  }
  return true;
}

void check_values(const std::string& name, const at::Tensor& values) {
  INCIPIT_CHECK(values.defined() && values.dim() >= 2 && values.scalar_type() == at::kFloat,
                "prompt ", name);
  if (!all_finite(values)) {
    throw NumericsError("prompt '" + name + "' has numbers that are not finite; it is not saved");
  }
}

}  // namespace incipit::methods
