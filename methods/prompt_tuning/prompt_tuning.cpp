#include "methods/prompt_tuning/prompt_tuning.h"

#include <string>

#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/initializer.h"

namespace incipit::prompt_tuning {

PromptTuning::PromptTuning(const SoftPrompt& start)
    : InputPrompt(start.name, start.rows(), start.width()) {
  add_parameter("values", start.values);
}

void PromptTuning::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                               const methods::BackboneInfo& backbone) const {
  save_peft_adapter(folder, {name(), values}, backbone);
}

methods::Method method() {
  return {.kind = "prompt_tuning",
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows = methods::rows_of_tokens,
          .title =
              [](const methods::MethodOptions& options) {
                return methods::title_with_tokens("soft prompt", options);
              },
          .numbers =
              [](const methods::MethodOptions& options, const model::ModelSpec& spec) {
                return options.num_virtual_tokens * spec.hidden_size;
              },
          .make =
              [](const methods::MethodOptions& options, const methods::StartInputs& inputs,
                 const std::string& name) {
                return std::make_shared<PromptTuning>(initialize_prompt(options, inputs, name));
              },
          .load = [](const std::filesystem::path& folder) -> methods::LoadedPrompt {
            const LoadedPrompt loaded = load_peft_adapter(folder);
            return {std::make_shared<PromptTuning>(loaded.prompt), loaded.backbone};
          },
          .examples = [] { return std::vector{methods::small_options("prompt_tuning")}; }};
}

}  // namespace incipit::prompt_tuning
