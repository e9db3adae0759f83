#include "methods/prompt_tuning/prompt_tuning.h"

#include <ATen/ops/zeros_like.h>

#include <string>

#include "core/error.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/initializer.h"

namespace incipit::prompt_tuning {

PromptTuning::PromptTuning(const SoftPrompt& start) : Prompt(start.name) {
  add_parameter("values", start.values);
}

PromptRows PromptTuning::rows(int number) const {
  return {.prompt = number, .rows = static_cast<int>(parameters()[0].value.size(0))};
}

void PromptTuning::place(const at::Tensor& values, const model::Backbone& backbone,
                         bool for_backward, methods::Contribution& to) const {
  to.input_rows = values.to(backbone.device());
  to.input_gradient = for_backward ? at::zeros_like(to.input_rows) : at::Tensor();
}

void PromptTuning::collect(const methods::Contribution& from, const model::Backbone& /*backbone*/,
                           at::Tensor grad_values) const {
  grad_values.add_(from.input_gradient.to(grad_values.device()));
}

void PromptTuning::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                               const methods::BackboneInfo& backbone) const {
  save_peft_adapter(folder, {name(), values}, backbone);
}

void PromptTuning::check(const model::ModelSpec& spec, const std::filesystem::path& path) const {
  const std::int64_t width = parameters()[0].value.size(1);
  if (width == spec.hidden_size) return;
  throw DataError(path.string() + ": its vectors have " + std::to_string(width) +
                  " numbers, but the model's hidden size is " + std::to_string(spec.hidden_size) +
                  "; it belongs to another model");
}

methods::Method method() {
  return {.kind = "prompt_tuning",
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows =
              [](const methods::MethodOptions& options) {
                return PromptRows{.rows = static_cast<int>(options.num_virtual_tokens)};
              },
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
