// A linear probe: nothing is added to the frozen model, and only a head is trained on its states.
//
// PEFT has no adapter of a head alone. The folder is that of a LORA adapter which adds to no
// module (PEFT's placeholder for target_modules), so PEFT loads it.
#pragma once

#include "methods/method.h"
#include "methods/prompt.h"

namespace incipit::lora {

// A prompt without parameters, rows or additions.
class LinearProbe final : public methods::Prompt {
 public:
  explicit LinearProbe(std::string name);

  void attach(const model::Backbone& backbone) override;
  [[nodiscard]] PromptRows rows(int number) const override { return {.prompt = number}; }
  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override;
  void backward(const at::Tensor& grad_values) override;
  void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
             methods::Contribution& to) const override;
  void collect(const methods::Contribution& from, const model::Backbone& backbone,
               at::Tensor grad_values) const override;
  [[nodiscard]] comm::MeshDimensions partial_over() const override { return comm::kBatch; }
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;
  [[nodiscard]] methods::PromptDescription describe() const override;

 private:
  at::Tensor none_;  // [0, 1]
};

// Whether a LORA adapter adds to no module.
[[nodiscard]] bool is_linear_probe(const std::filesystem::path& folder);
// Loads such an adapter. Throws DataError if it is damaged.
[[nodiscard]] methods::LoadedPrompt load_linear_probe(const std::filesystem::path& folder);

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method linear_probe();

}  // namespace incipit::lora
