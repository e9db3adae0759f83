#include "methods/prompt_tuning/prompt_values.h"

#include <cmath>

#include "core/check.h"
#include "core/error.h"

namespace incipit::prompt_tuning {

void check_prompt(const SoftPrompt& prompt) {
  INCIPIT_CHECK(prompt.values.defined() && prompt.values.dim() == 2 &&
                    prompt.values.scalar_type() == at::kFloat && prompt.values.numel() > 0,
                "prompt ", prompt.name);
  if (!all_finite(prompt.values)) {
    throw NumericsError("soft prompt '" + prompt.name +
                        "' holds numbers that are not finite; it is not saved");
  }
}

bool all_finite(const at::Tensor& values) {
  const at::Tensor local = values.detach().to(at::kCPU).contiguous();
  const float* numbers = local.const_data_ptr<float>();
  for (std::int64_t i = 0; i < local.numel(); ++i) {
    if (!std::isfinite(numbers[i])) return false;
  }
  return true;
}

}  // namespace incipit::prompt_tuning
