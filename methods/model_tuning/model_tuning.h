// Model tuning: trains all weights of the model, the baseline that prompts are compared with.
//
// The parameters are the ranks' shards of the weights, in float32: the weights themselves in a
// float32 model, else master copies from which the weights are rounded after every step
// (Micikevicius et al. 2018). Under FSDP they and the optimizer's state are sharded as the weights
// are. The result is a model folder in Hugging Face layout, in the dtype of the model.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "methods/method.h"
#include "methods/trainable.h"
#include "model/weight_blocks.h"

namespace incipit::model_tuning {

class ModelTuning final : public methods::Trainable {
 public:
  explicit ModelTuning(std::string name) : Trainable(std::move(name)) {}

  void attach(const model::Backbone& backbone) override;
  [[nodiscard]] PromptRows rows(int number) const override;
  void contribute(const model::Backbone& backbone, bool for_backward,
                  methods::Contribution& to) override;
  void take_gradients(const methods::Contribution& from, const model::Backbone& backbone) override;
  void sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) override;
  void finish_gradients(const at::Tensor& count) override;

  [[nodiscard]] comm::MeshDimensions replicated_over() const override;
  [[nodiscard]] at::Tensor squared_gradient_norm(const comm::Mesh& mesh) const override;
  [[nodiscard]] std::map<std::string, at::Tensor> whole(
      const comm::Mesh& mesh, std::span<const at::Tensor> parts) const override;
  void scatter(const comm::Mesh& mesh, const WholeTensors& whole,
               std::span<const at::Tensor> parts) const override;
  [[nodiscard]] bool trains_backbone() const override { return true; }
  void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
            const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const override;

 private:
  // Whether parameters() are copies of the weights, which have a narrower dtype.
  [[nodiscard]] bool has_masters() const;
  // Collective over the mesh when called first.
  [[nodiscard]] const model::WeightBlocks& blocks(const comm::Mesh& mesh) const;

  const model::Backbone* backbone_ = nullptr;
  mutable std::unique_ptr<model::WeightBlocks> blocks_;
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::model_tuning
