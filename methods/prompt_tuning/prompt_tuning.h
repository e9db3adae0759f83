// Prompt tuning: learned vectors in place of token embeddings before the input (Lester et al.
// 2021).
#pragma once

#include "methods/input_prompt.h"
#include "methods/method.h"
#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::prompt_tuning {

class PromptTuning final : public methods::InputPrompt {
 public:
  explicit PromptTuning(const SoftPrompt& start);

  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::prompt_tuning
