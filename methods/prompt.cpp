#include "methods/prompt.h"

#include <ATen/ops/zeros_like.h>

#include <utility>

#include "core/check.h"
#include "nn/ledger.h"
#include "nn/ops.h"

namespace incipit::methods {

Parameter::Parameter(std::string name_, at::Tensor value_)
    : name(std::move(name_)), value(std::move(value_)), grad(at::zeros_like(value)) {}

at::Tensor Prompt::values(std::span<const at::Tensor> parameters) const {
  INCIPIT_CHECK(parameters.size() == 1);
  return parameters[0];
}

void Prompt::backward(const at::Tensor& grad_values) { parameters_[0].grad.copy_(grad_values); }

void Prompt::add_parameter(std::string name, at::Tensor value) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  const at::ScalarType type = nn::ops::accumulate_type(value.scalar_type());
  parameters_.emplace_back(std::move(name), value.to(at::kCPU, type).contiguous().clone());
}

}  // namespace incipit::methods
