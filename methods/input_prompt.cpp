#include "methods/input_prompt.h"

#include "core/error.h"
#include "nn/ops.h"

namespace incipit::methods {

PromptRows InputPrompt::rows(int number) const {
  return {.prompt = number, .rows = static_cast<int>(rows_)};
}

void InputPrompt::place(const at::Tensor& values, const model::Backbone& backbone,
                        bool for_backward, Contribution& to) const {
  to.input_rows = values.to(backbone.device());
  to.input_gradient =
      for_backward ? nn::ops::zeros(to.input_rows.sizes(), to.input_rows.options()) : at::Tensor();
}

void InputPrompt::collect(const Contribution& from, const model::Backbone& /*backbone*/,
                          at::Tensor grad_values) const {
  nn::ops::accumulate_(grad_values, from.input_gradient.to(grad_values.device()));
}

void InputPrompt::check(const model::ModelSpec& spec, const std::filesystem::path& path) const {
  if (width_ == spec.hidden_size) return;
  throw DataError(path.string() + ": its vectors have " + std::to_string(width_) +
                  " numbers, but the model's hidden size is " + std::to_string(spec.hidden_size) +
                  "; it belongs to another model");
}

}  // namespace incipit::methods
