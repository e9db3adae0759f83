// A backbone with the prompts of a batch: what training, evaluation and generation run.
//
//   PromptedModel model(backbone, prompts);
//   model.start_gradients();
//   ForestPass pass = model.forward(forest, {.for_backward = true});
//   model.backward(pass, gradient_of_loss_by_target);
//   model.collect_gradients();
//   model.sum_gradients(mesh);
//   model.finish_gradients(count);  // parameters()[i].grad
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "comm/mesh.h"
#include "core/forest.h"
#include "methods/trainable.h"
#include "model/forest_pass.h"

namespace incipit::methods {

class PromptedModel {
 public:
  // `backbone` must outlive the object. `prompts` are what is trained, or was: prompts, or the
  // weights of the backbone (methods/trainable.h). Null: no prompt.
  explicit PromptedModel(const model::Backbone& backbone,
                         std::vector<std::shared_ptr<Trainable>> prompts = {});

  [[nodiscard]] const model::Backbone& backbone() const { return backbone_; }
  [[nodiscard]] std::size_t prompt_count() const { return prompts_.size(); }
  [[nodiscard]] const Trainable& prompt(std::size_t number) const { return *prompts_[number]; }
  // Whether there is nothing to train at this number.
  [[nodiscard]] bool is_frozen(std::size_t number) const { return !prompts_[number]; }
  // The rows that precede a sequence with this prompt, of task `task` of the run; none if there is
  // no such prompt.
  [[nodiscard]] PromptRows rows(std::size_t number, std::size_t task = 0) const;
  // Whether a head is trained with a prompt.
  [[nodiscard]] bool has_head() const;
  // The number of stores that the prompts take in a pass. A pass may use further stores
  // (ForestPassOptions::residents), which are numbered from here.
  [[nodiscard]] int stores() const { return static_cast<int>(prompts_.size()); }

  // Computes what passes read from the current values of the parameters. Call after they changed.
  void refresh();
  // The same, and clears the gradients to which backward() adds.
  void start_gradients();

  // Runs a forest through all pipeline stages, one after the other. Collective over the ranks of
  // one copy of the model.
  [[nodiscard]] model::ForestPass forward(const Forest& forest,
                                          model::ForestPassOptions options = {}) const;
  // Runs it on this stage. Collective over the tensor parallel and the FSDP ranks.
  [[nodiscard]] model::ForestPass stage_forward(const Forest& forest,
                                                model::ForestPassOptions options) const;
  // Like ForestPass::backward(). Needs start_gradients().
  at::Tensor backward(model::ForestPass& pass, const at::Tensor& grad,
                      at::Tensor grad_output = {}) const;

  // Collects the gradients of all passes.
  void collect_gradients();
  // Sums them over the ranks that have parts of them. Collective over the mesh.
  void sum_gradients(const comm::Mesh& mesh);
  // Divides the sums by `count`, [] float64 on the backbone's device or [prompts]: one for each
  // prompt, and computes the gradients of all parameters from them.
  void finish_gradients(const at::Tensor& count);
  void finish_gradients(double count);

 private:
  void place(bool for_backward);

  const model::Backbone& backbone_;
  std::vector<std::shared_ptr<Trainable>> prompts_;
  std::vector<std::unique_ptr<Contribution>> contributions_;  // by prompt
  std::vector<at::Tensor> input_rows_;                        // by prompt
};

// A model with one of its prompts. With a number that the model does not have: without a prompt.
struct Prompted {
  // NOLINTNEXTLINE(google-explicit-constructor): a model with its first prompt
  Prompted(const PromptedModel& model_, std::size_t prompt_ = 0, std::size_t task_ = 0)
      : model(model_), prompt(prompt_), task(task_) {}
  [[nodiscard]] PromptRows rows() const { return model.rows(prompt, task); }
  [[nodiscard]] const model::Backbone& backbone() const { return model.backbone(); }
  const PromptedModel& model;
  std::size_t prompt;
  std::size_t task;  // of those that have rows of their own in the prompt
};

}  // namespace incipit::methods
