#include "methods/prompted_model.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "model/stage_link.h"
#include "nn/collectives.h"
#include "nn/ledger.h"

namespace incipit::methods {

PromptedModel::PromptedModel(const model::Backbone& backbone,
                             std::vector<std::shared_ptr<Trainable>> prompts)
    : backbone_(backbone), prompts_(std::move(prompts)), input_rows_(prompts_.size()) {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    contributions_.push_back(std::make_unique<Contribution>());
    if (prompts_[i]) prompts_[i]->attach(backbone);
  }
  refresh();
}

PromptRows PromptedModel::rows(std::size_t number, std::size_t task) const {
  if (number >= prompts_.size() || !prompts_[number]) return {};
  return prompts_[number]->rows_of_task(static_cast<int>(number), static_cast<int>(task));
}

bool PromptedModel::has_head() const {
  return std::any_of(contributions_.begin(), contributions_.end(),
                     [](const auto& contribution) { return contribution->head.has_value(); });
}

void PromptedModel::refresh() { place(/*for_backward=*/false); }

void PromptedModel::start_gradients() { place(/*for_backward=*/true); }

void PromptedModel::place(bool for_backward) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (!prompts_[i]) continue;
    prompts_[i]->contribute(backbone_, for_backward, *contributions_[i]);
    input_rows_[i] = contributions_[i]->input_rows;
  }
}

model::ForestPass PromptedModel::forward(const Forest& forest,
                                         model::ForestPassOptions options) const {
  model::StageLink link(backbone_);
  options.input = link.receive_input(forest.row_count());
  model::ForestPass pass = stage_forward(forest, std::move(options));
  link.send_output(pass.output());
  return pass;
}

model::ForestPass PromptedModel::stage_forward(const Forest& forest,
                                               model::ForestPassOptions options) const {
  std::vector<nn::KeyValueStore*> residents;
  bool learns = backbone_.weights().trains();  // below a head
  for (const auto& contribution : contributions_) {
    learns = learns || contribution->input_rows.defined() ||
             !contribution->residents.layers.empty() || !contribution->additions.empty();
    residents.push_back(&contribution->residents);
    options.adapters.push_back(&contribution->additions);
    if (!contribution->head) continue;
    INCIPIT_CHECK(options.class_head == nullptr, "two heads in a batch");
    options.class_head = &*contribution->head;
  }
  options.head_only =
      options.class_head != nullptr && !learns && backbone_.placement().pipeline->size() == 1;
  residents.insert(residents.end(), options.residents.begin(), options.residents.end());
  options.residents = std::move(residents);
  return {backbone_, forest, input_rows_, options};
}

at::Tensor PromptedModel::backward(model::ForestPass& pass, const at::Tensor& grad,
                                   at::Tensor grad_output) const {
  std::vector<at::Tensor> gradients;
  for (const auto& contribution : contributions_) gradients.push_back(contribution->input_gradient);
  return pass.backward(grad, gradients, std::move(grad_output));
}

void PromptedModel::collect_gradients() {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (prompts_[i]) prompts_[i]->take_gradients(*contributions_[i], backbone_);
  }
}

void PromptedModel::sum_gradients(const comm::Mesh& mesh) {
  std::vector<nn::PartialGradient> sums;
  for (const auto& prompt : prompts_) {
    if (prompt) prompt->sum_gradients(mesh, sums);
  }
  nn::sum_partial(mesh, sums);
}

void PromptedModel::finish_gradients(double count) {
  finish_gradients(at::full({}, count, at::TensorOptions(backbone_.device()).dtype(at::kDouble)));
}

void PromptedModel::finish_gradients(const at::Tensor& count) {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (!prompts_[i]) continue;
    prompts_[i]->finish_gradients(count.dim() == 0 ? count
                                                   : count.select(0, static_cast<std::int64_t>(i)));
  }
}

}  // namespace incipit::methods
