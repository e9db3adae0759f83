// One forward pass of a backbone over a forest, and its backward pass.
//
//   ForestPass pass(backbone, forest, prompts, {.for_backward = true});
//   pass.log_likelihoods();                        // [targets]
//   pass.backward(gradient_of_loss_by_target, prompt_gradients);
//
// Logits exist only at target rows; the last layer computes queries, output projection
// and MLP only there; frozen weights get no gradient and nothing is saved for them.
//
// Of a backbone that holds one stage of a pipeline, a pass is this stage's part of it: it takes
// the hidden rows of the stage before, and gives its own to the next (model/stage_link.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"

namespace incipit::model {

// Keys and values of resident rows, by layer, and the gradients that passes add to them.
// Keys are already rotated for their positions, as PEFT's prefix tuning stores them.
struct KeyValueStore {
  struct Layer {
    // Rows may be strided. On the CPU the accumulate type will do for any compute dtype: attention
    // works in it, and converts what is not of it in every pass.
    at::Tensor keys;         // [rows, kv_width], compute dtype
    at::Tensor values;       // [rows, kv_width]
    at::Tensor grad_keys;    // [rows, kv_width] float32 (float64 in a float64 backbone), or
    at::Tensor grad_values;  //   undefined when nothing behind it is trainable
  };
  std::vector<Layer> layers;
  [[nodiscard]] std::int64_t rows() const { return layers.empty() ? 0 : layers[0].keys.size(0); }
  // Allocates (or zeroes) the gradients of every layer.
  void enable_gradients();
};

struct ForestPassOptions {
  bool for_backward = false;          // keep what backward needs
  bool keep_keys_values = false;      // for later passes: keys_values()
  bool keep_logits = false;           // to sample from: logits()
  KeyValueStore* residents = nullptr; // what the forest's resident ranges refer to
  at::Tensor input{};                 // output() of the stage before; undefined: the first stage
};

// Soft prompts are those of the first stage, scores those of the last.

class ForestPass {
 public:
  // Runs the forward pass. `prompts[i]` is soft prompt i of the batch, [rows, hidden]
  // float32 on the backbone's device. Throws DataError when a position lies beyond the
  // model's positions; LogicError when the forest or a prompt's shape is wrong.
  ForestPass(const Backbone& backbone, const Forest& forest, std::span<const at::Tensor> prompts,
             const ForestPassOptions& options);
  ~ForestPass();
  ForestPass(ForestPass&&) noexcept;
  ForestPass& operator=(ForestPass&&) noexcept;

  // log p(id | all rows before) of every target, natural logarithm. [T] float32 on the CPU
  // (float64 in a float64 backbone). Zeros unless this is the last stage.
  [[nodiscard]] const at::Tensor& log_likelihoods() const;

  // The target rows' most likely next token, in the order of targets. [T]; none unless this is
  // the last stage.
  [[nodiscard]] std::vector<TokenId> argmax() const;

  // The logits of every next token at the target rows, each row once, in order: [distinct target
  // rows, vocab] float32 (float64 in a float64 backbone) on the backbone's device. Needs
  // keep_logits.
  [[nodiscard]] const at::Tensor& logits() const;

  // The hidden rows behind this stage's layers, [rows, hidden] in the backbone's dtype; of the
  // last stage undefined.
  [[nodiscard]] const at::Tensor& output() const;

  // The keys and values of this forest's rows in this stage's layers (needs keep_keys_values or for_backward).
  [[nodiscard]] KeyValueStore& keys_values();

  // Adds d(sum_t grad[t] * log_likelihood[t]) / d(prompt) to prompt_gradients[i] ([rows,
  // hidden] float32) and to the residents' gradients, taking into account what later
  // passes added to keys_values(). `grad` has one number per target. Once; frees what
  // forward kept.
  //
  // A stage in front of others takes d / d output() instead of `grad`. A stage behind others
  // gives d / d input; the first one an undefined tensor.
  at::Tensor backward(std::span<const double> grad, std::span<at::Tensor> prompt_gradients,
                      at::Tensor grad_output = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::model
