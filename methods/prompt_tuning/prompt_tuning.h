// Prompt tuning: learned vectors in place of token embeddings before the input (Lester et al.
// 2021).
#pragma once

#include "methods/method.h"
#include "methods/prompt.h"
#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::prompt_tuning {

class PromptTuning final : public methods::Prompt {
 public:
  explicit PromptTuning(const SoftPrompt& start);

  [[nodiscard]] PromptRows rows(int number) const override;
  void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
             methods::Contribution& to) const override;
  void collect(const methods::Contribution& from, const model::Backbone& backbone,
               at::Tensor grad_values) const override;
  // Partial over the shares of the batch. With pipeline stages, only the first stage has them. They
  // are complete on every tensor parallel rank.
  [[nodiscard]] comm::MeshDimensions partial_over() const override {
    return comm::kBatch | comm::kPipeline;
  }
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::prompt_tuning
