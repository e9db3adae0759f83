#include "methods/prompt.h"

#include <string>
#include <utility>

#include "core/check.h"
#include "methods/values.h"
#include "nn/ledger.h"
#include "nn/ops.h"

namespace incipit::methods {

at::Tensor Prompt::values(std::span<const at::Tensor> parameters) const {
  INCIPIT_CHECK(parameters.size() == 1);
  return parameters[0];
}

void Prompt::backward(const at::Tensor& grad_values) { parameters()[0].grad.copy_(grad_values); }

std::vector<at::Tensor> Prompt::stored() const { return {values(current_parameters(*this))}; }

PromptDescription Prompt::describe() const {
  const at::Tensor values = stored().front();
  return {.title = rows(0).resident ? "prefix" : "soft prompt",
          .facts = {{"virtual tokens", std::to_string(values.size(0))},
                    {"width", std::to_string(values.size(1))}}};
}

void Prompt::contribute(const model::Backbone& backbone, bool for_backward, Contribution& to) {
  const at::Tensor values = this->values(current_parameters(*this));
  place(values, backbone, for_backward, to);
  grad_values_ = for_backward ? nn::ops::zeros(values.sizes(), values.options()) : at::Tensor();
}

void Prompt::take_gradients(const Contribution& from, const model::Backbone& backbone) {
  collect(from, backbone, grad_values_);
}

void Prompt::sum_gradients(const comm::Mesh& /*mesh*/, std::vector<nn::PartialGradient>& flat) {
  flat.push_back({name(), grad_values_, partial_over()});
}

void Prompt::finish_gradients(const at::Tensor& count) {
  nn::ops::divide_(grad_values_, count);
  backward(grad_values_);
}

void Prompt::save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
                  const BackboneInfo& backbone, const comm::Mesh& mesh) const {
  const at::Tensor values = this->values(parameters).cpu();
  check_values(name(), values);
  if (mesh.world().rank() == 0) save_values(folder, values, backbone);
}

void Prompt::add_parameter(std::string name, const at::Tensor& value) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  const at::ScalarType type = nn::ops::accumulate_type(value.scalar_type());
  Trainable::add_parameter({std::move(name), value.to(type).contiguous().clone()});
}

}  // namespace incipit::methods
