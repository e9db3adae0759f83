#include "methods/model_tuning/model_tuning.h"

#include <utility>

#include "core/check.h"
#include "model/model_writer.h"
#include "nn/ledger.h"
#include "nn/ops.h"

namespace incipit::model_tuning {

bool ModelTuning::has_masters() const {
  return backbone_->dtype() != nn::ops::accumulate_type(backbone_->dtype());
}

void ModelTuning::attach(const model::Backbone& backbone) {
  INCIPIT_CHECK(backbone_ == nullptr, "attached twice");
  backbone_ = &backbone;
  backbone.weights().train();
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  for (const nn::Parameter* weight : backbone.weights().parameters()) {
    const at::Tensor& stored = weight->stored();
    const at::ScalarType wide = nn::ops::accumulate_type(stored.scalar_type());
    at::Tensor value =
        has_masters() ? stored.to(wide, /*non_blocking=*/false, /*copy=*/true) : stored;
    add_parameter(
        {weight->spec().slices.front().tensor, std::move(value), weight->stored_gradient()});
  }
}

PromptRows ModelTuning::rows(int /*number*/) const { return {}; }

void ModelTuning::contribute(const model::Backbone& backbone, bool for_backward,
                             methods::Contribution& /*to*/) {
  nn::WeightStore& weights = backbone.weights();
  const std::vector<const nn::Parameter*> stored = weights.parameters();
  for (std::size_t i = 0; i < stored.size() && has_masters(); ++i) {
    // Norms, which are stored in float32, are rounded too, as they will be when they are saved.
    stored[i]->stored().copy_(parameters()[i].value.to(backbone.dtype()));
  }
  weights.values_changed();
  if (for_backward) weights.clear_gradients();
}

void ModelTuning::take_gradients(const methods::Contribution& /*from*/,
                                 const model::Backbone& /*backbone*/) {}

void ModelTuning::sum_gradients(const comm::Mesh& mesh,
                                std::vector<nn::PartialGradient>& /*flat*/) {
  backbone_->sum_gradients(mesh);
}

void ModelTuning::finish_gradients(const at::Tensor& count) {
  for (const methods::Parameter& parameter : parameters()) parameter.grad.div_(count);
}

comm::MeshDimensions ModelTuning::replicated_over() const { return comm::kData; }

const model::WeightBlocks& ModelTuning::blocks(const comm::Mesh& mesh) const {
  if (!blocks_) blocks_ = std::make_unique<model::WeightBlocks>(*backbone_, mesh);
  return *blocks_;
}

at::Tensor ModelTuning::squared_gradient_norm(const comm::Mesh& mesh) const {
  std::vector<at::Tensor> gradients;
  for (const methods::Parameter& parameter : parameters()) gradients.push_back(parameter.grad);
  return blocks(mesh).sum_of_squares(gradients);
}

std::map<std::string, at::Tensor> ModelTuning::whole(const comm::Mesh& mesh,
                                                     std::span<const at::Tensor> parts) const {
  return blocks(mesh).gather(parts, parts.front().scalar_type());
}

void ModelTuning::scatter(const comm::Mesh& mesh, const WholeTensors& whole,
                          std::span<const at::Tensor> parts) const {
  blocks(mesh).scatter(whole, parts);
}

void ModelTuning::save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
                       const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const {
  const auto tensors = blocks(mesh).gather(parameters, backbone_->dtype());
  if (mesh.world().rank() == 0) model::write_model(folder, tensors, backbone.folder);
}

methods::Method method() {
  using methods::MethodOptions;
  return {.kind = "model_tuning",
          .peft_type = "",
          .trains_backbone = true,
          .rows = [](const MethodOptions&) { return PromptRows{}; },
          .title = [](const MethodOptions&) -> std::string { return "all weights of the model"; },
          .numbers =
              [](const MethodOptions&, const model::ModelSpec& spec) {
                const auto whole = model::Backbone::without_data(spec, at::kFloat);
                return whole.weight_bytes() / static_cast<std::int64_t>(sizeof(float));
              },
          .make = [](const MethodOptions&, const methods::StartInputs&,
                     const std::string& name) -> std::shared_ptr<methods::Trainable> {
            return std::make_shared<ModelTuning>(name);
          },
          .load = nullptr,
          .examples = [] { return std::vector{methods::small_options("model_tuning")}; }};
}

}  // namespace incipit::model_tuning
