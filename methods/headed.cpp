#include "methods/headed.h"

#include <ATen/ops/zeros_like.h>

#include <utility>

#include "methods/values.h"
#include "nn/ops.h"

namespace incipit::methods {

Headed::Headed(std::shared_ptr<Adapter> prompt, TrainedHead head)
    : Trainable(prompt->name()), prompt_(std::move(prompt)), head_(std::move(head)) {
  for (const Parameter& parameter : prompt_->parameters()) add_parameter(parameter);
  add_parameter({"head.weight", head_.weight});
  if (head_.bias.defined()) add_parameter({"head.bias", head_.bias});
}

void Headed::attach(const model::Backbone& backbone) {
  prompt_->attach(backbone);
  Trainable::attach(backbone);
  share_parameters(prompt_->parameters());
}

void Headed::contribute(const model::Backbone& backbone, bool for_backward, Contribution& to) {
  prompt_->contribute(backbone, for_backward, to);
  const at::ScalarType wide = nn::ops::accumulate_type(backbone.dtype());
  nn::ClassHead& head = to.head.emplace();
  head.normalised = head_.kind != HeadKind::kSpan;
  head.weight = parameters()[first()].value.to(wide);
  if (head_.bias.defined()) head.bias = parameters()[first() + 1].value.to(wide);
  if (!for_backward) return;
  head.grad_weight = at::zeros_like(head.weight);
  if (head.bias.defined()) head.grad_bias = at::zeros_like(head.bias);
}

void Headed::take_gradients(const Contribution& from, const model::Backbone& backbone) {
  prompt_->take_gradients(from, backbone);
  at::Tensor(parameters()[first()].grad).copy_(from.head->grad_weight);
  if (head_.bias.defined()) at::Tensor(parameters()[first() + 1].grad).copy_(from.head->grad_bias);
}

// All tensor parallel ranks compute the same gradients of the head, and only the last stage any.
void Headed::sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) {
  prompt_->sum_gradients(mesh, flat);
  for (std::size_t i = first(); i < parameters().size(); ++i) {
    flat.push_back({name() + " " + parameters()[i].name, parameters()[i].grad,
                    comm::kBatch | comm::kPipeline});
  }
}

void Headed::finish_gradients(const at::Tensor& count) {
  prompt_->finish_gradients(count);
  for (std::size_t i = first(); i < parameters().size(); ++i) {
    at::Tensor(parameters()[i].grad).div_(count);
  }
}

void Headed::save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
                  const BackboneInfo& backbone, const comm::Mesh& mesh) const {
  BackboneInfo with_head = backbone;
  TrainedHead& head = with_head.head.emplace(head_);
  head.weight = parameters[first()].cpu();
  if (head.bias.defined()) head.bias = parameters[first() + 1].cpu();
  check_values(name(), head.weight);
  prompt_->save(folder, parameters.first(first()), with_head, mesh);
}

}  // namespace incipit::methods
