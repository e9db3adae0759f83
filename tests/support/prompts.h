// Prompts for tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "methods/prompt_tuning/prompt_tuning.h"
#include "methods/prompted_model.h"

namespace incipit::testing_support {

using Prompts = std::vector<std::shared_ptr<methods::Trainable>>;

inline std::shared_ptr<methods::Prompt> soft_prompt(const std::string& name,
                                                    const at::Tensor& values) {
  return std::make_shared<prompt_tuning::PromptTuning>(prompt_tuning::SoftPrompt{name, values});
}

// A model with a soft prompt, or none.
inline methods::PromptedModel with_prompt(const model::Backbone& backbone,
                                          const std::optional<at::Tensor>& values) {
  if (!values) return methods::PromptedModel(backbone);
  return methods::PromptedModel(backbone, {soft_prompt("", *values)});
}

// Returns the current values of a prompt.
inline at::Tensor values_of(const methods::Trainable& trainable) {
  return dynamic_cast<const methods::Prompt&>(trainable).stored().front();
}

inline Prompts soft_prompts(const std::vector<at::Tensor>& values) {
  Prompts prompts;
  for (const at::Tensor& each : values) prompts.push_back(soft_prompt("", each));
  return prompts;
}

}  // namespace incipit::testing_support
