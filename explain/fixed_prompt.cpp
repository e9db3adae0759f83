#include "explain/fixed_prompt.h"

#include <ATen/ops/cat.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "core/check.h"

namespace incipit::explain {
namespace {

using methods::Contribution;

class FixedPrompt final : public methods::Trainable {
 public:
  explicit FixedPrompt(Contribution contribution)
      : Trainable(""), contribution_(std::move(contribution)) {}

  [[nodiscard]] PromptRows rows(int number) const override {
    return {.prompt = number,
            .rows = static_cast<int>(positions_of(contribution_)),
            .resident = is_deep(contribution_)};
  }
  void contribute(const model::Backbone& /*backbone*/, bool for_backward,
                  Contribution& to) override {
    INCIPIT_CHECK(!for_backward, "this prompt is not trained");
    to = contribution_;
  }
  void take_gradients(const Contribution& /*from*/, const model::Backbone& /*backbone*/) override {}
  void sum_gradients(const comm::Mesh& /*mesh*/,
                     std::vector<nn::PartialGradient>& /*flat*/) override {}
  void finish_gradients(const at::Tensor& /*count*/) override {}
  void save(const std::filesystem::path& /*folder*/, std::span<const at::Tensor> /*parameters*/,
            const methods::BackboneInfo& /*backbone*/, const comm::Mesh& /*mesh*/) const override {
    throw LogicError("this prompt is not saved");
  }

 private:
  Contribution contribution_;
};

at::Tensor without_row(const at::Tensor& rows, std::int64_t row) {
  return at::cat({rows.narrow(0, 0, row), rows.narrow(0, row + 1, rows.size(0) - row - 1)});
}

}  // namespace

Contribution contribution_of(methods::Trainable& prompt, const model::Backbone& backbone) {
  prompt.attach(backbone);
  Contribution contribution;
  prompt.contribute(backbone, /*for_backward=*/false, contribution);
  return contribution;
}

bool is_deep(const Contribution& prompt) { return !prompt.residents.layers.empty(); }

std::int64_t positions_of(const Contribution& prompt) {
  if (is_deep(prompt)) return prompt.residents.rows();
  return prompt.input_rows.defined() ? prompt.input_rows.size(0) : 0;
}

Contribution without_position(const Contribution& prompt, std::int64_t position) {
  Contribution changed;
  for (const nn::KeyValueStore::Layer& layer : prompt.residents.layers) {
    changed.residents.layers.push_back(
        {without_row(layer.keys, position), without_row(layer.values, position), {}, {}});
  }
  if (!is_deep(prompt)) changed.input_rows = without_row(prompt.input_rows, position);
  return changed;
}

Contribution with_row(const Contribution& prompt, std::int64_t position, const at::Tensor& row) {
  Contribution changed;
  changed.input_rows = prompt.input_rows.clone();
  changed.input_rows.select(0, position).copy_(row);
  return changed;
}

methods::PromptedModel model_with(const model::Backbone& backbone, const Contribution& prompt) {
  if (positions_of(prompt) == 0) return methods::PromptedModel(backbone);
  return methods::PromptedModel(backbone, {std::make_shared<FixedPrompt>(prompt)});
}

}  // namespace incipit::explain
