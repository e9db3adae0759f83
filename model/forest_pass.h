// One forward pass of a backbone over a forest, and its backward pass.
//
//   ForestPass pass(backbone, forest, prompts, {.for_backward = true});
//   pass.log_likelihoods();                        // [targets]
//   pass.backward(gradient_of_loss_by_target, prompt_gradients);
//
// Logits exist only at target rows. The last layer computes queries, output projection and MLP only
// at these rows. Frozen weights get no gradient, and nothing is saved for them.
//
// If the backbone is one stage of a pipeline, a pass is this stage's part. It takes the hidden
// states of the previous stage and passes its own to the next (model/stage_link.h). The first stage
// uses the soft prompts; the last stage computes the scores.
//
// A pass over an empty forest is legal: a rank that has nothing to compute runs it while others
// compute, since forward and backward are collective over the tensor parallel and the FSDP ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"
#include "nn/block.h"
#include "nn/class_scores.h"
#include "nn/key_values.h"
#include "nn/low_rank.h"

namespace incipit::model {

// What a pass computed in a layer, for looking into a model.
struct LayerView {
  std::size_t layer = 0;  // of this stage, from 0
  const nn::Block& block;
  const nn::QueryRows& queries;  // the rows whose attention and output were computed
  const at::Tensor& qkv;         // [rows, qkv width] of the layer's stack; queries and keys rotated
  nn::Stores residents;          // keys and values of the layer in every store
  const at::Tensor& output;      // [queries, hidden], after the layer
};

// Where a pass writes its keys and values, layer by layer.
struct StoredRows {
  nn::KeyValueStore* store = nullptr;  // null: nowhere
  std::vector<std::int64_t> rows{};    // of the store: one for each row of the forest
  std::int64_t spare = 0;              // a row of the store that nobody reads, for padding
};

struct ForestPassOptions {
  bool for_backward = false;      // keep the activations that backward() needs
  bool recompute = false;         // keep few of them: backward() recomputes the rest
  bool keep_keys_values = false;  // for later passes: keys_values()
  bool keep_logits = false;       // for sampling: logits()
  StoredRows stored{};
  std::vector<nn::KeyValueStore*> residents{};  // the stores that the forest refers to, by number
  // The additions to linear maps that the forest refers to, by number. Must outlive the pass.
  std::vector<const nn::LowRankMaps*> adapters{};
  // Scores targets in place of the model's head, if not null. Must outlive the pass.
  const nn::ClassHead* class_head = nullptr;
  bool head_only = false;  // backward() computes only its gradients; not over pipeline stages
  // Hidden states of another pass, target_hidden(), one for every target: log_likelihoods() are
  // negative divergences from its distributions, as nn/divergence_scores.h has them. Undefined:
  // none. Not with class_head.
  at::Tensor teacher{};
  bool hidden_only = false;  // target_hidden() in place of scores; not with for_backward
  at::Tensor input{};        // output() of the previous stage; undefined: the first stage
  std::function<void(const LayerView&)> on_layer{};  // called after each layer of the stage
};

class PassState;
class PassReplay;

class ForestPass {
 public:
  // Runs the forward pass. `prompts[i]` is soft prompt i of the batch: [rows, hidden], float32, on
  // the backbone's device. Throws DataError if a position is beyond the model's maximum, and
  // LogicError if the forest or a prompt's shape is wrong.
  ForestPass(const Backbone& backbone, const Forest& forest, std::span<const at::Tensor> prompts,
             const ForestPassOptions& options);
  ~ForestPass();
  ForestPass(ForestPass&&) noexcept;
  ForestPass& operator=(ForestPass&&) noexcept;

  // Returns log p(id | all preceding rows) of every target, natural logarithm: [T], float32
  // (float64 in a float64 backbone), on the backbone's device. Zeros on all but the last pipeline
  // stage. With a class head, log p(output id), or the output itself if it is not normalised. With
  // a teacher, -KL(teacher || this pass) at each target's row.
  [[nodiscard]] const at::Tensor& log_likelihoods() const;

  // Returns the most likely next token (with a class head: output) at each target's row, in the
  // order of targets: [T] int64, on the backbone's device. Empty on all but the last pipeline
  // stage, and with a teacher.
  [[nodiscard]] const at::Tensor& argmax() const;

  // Returns the logits at the target rows, each row once, in order: [distinct target rows, vocab],
  // float32 (float64 in a float64 backbone), on the backbone's device. Needs keep_logits.
  [[nodiscard]] const at::Tensor& logits() const;

  // Returns the hidden state after the last layer at each target's row, in the order of targets:
  // [T, hidden] in the backbone's dtype. Undefined on all but the last pipeline stage. Needs
  // hidden_only.
  [[nodiscard]] at::Tensor target_hidden() const;

  // Returns the hidden states after this stage's layers: [rows, hidden] in the backbone's dtype.
  // Undefined on the last stage.
  [[nodiscard]] const at::Tensor& output() const;

  // Returns the keys and values of this forest's rows in this stage's layers. Needs
  // keep_keys_values; for_backward without recompute is enough where the backbone has no graphs.
  [[nodiscard]] nn::KeyValueStore& keys_values();

  // Adds the gradients of sum_t grad[t] * log_likelihood[t] with respect to prompt i and the
  // residents to prompt_gradients[i] ([rows, hidden], float32) and to the residents' gradients, and
  // those of the adapters to theirs. Includes the gradients that later passes added to
  // keys_values(). `grad` has one float64 per target, on the backbone's device. Call once; it frees
  // what forward kept.
  //
  // All but the last pipeline stage take `grad_output`, the gradient of output(), instead of
  // `grad`. Returns the gradient of `input`, or an undefined tensor on the first stage.
  at::Tensor backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients,
                      at::Tensor grad_output = {});

 private:
  // One of them.
  std::unique_ptr<PassState> state_;
  std::unique_ptr<PassReplay> replay_;
};

}  // namespace incipit::model
