// What a pass over a forest needs, and keeps between forward and backward. Not for use in other
// folders: model/forest_pass.h has the contracts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/forest_pass.h"
#include "model/pass_rows.h"
#include "nn/block.h"
#include "nn/key_values.h"
#include "nn/scores.h"

namespace incipit::model {

class PassState {
 public:
  // Uploads all index arrays of the pass, except those that attention makes on its first use.
  // `rotary`: the backbone's tables for more positions than the forest has; null: they are made.
  PassState(const Backbone& backbone, const Forest& forest, std::span<const at::Tensor> prompts,
            const ForestPassOptions& options,
            const std::vector<nn::ops::RotaryTable>* rotary = nullptr);

  // As ForestPass and its functions. `prompts` have the shapes of the constructor's.
  void forward(std::span<const at::Tensor> prompts);
  at::Tensor backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients,
                      at::Tensor grad_output);
  [[nodiscard]] const nn::Scores& scores() const { return *scores_; }
  [[nodiscard]] const at::Tensor& output() const { return output_; }
  [[nodiscard]] at::Tensor target_hidden() const;
  [[nodiscard]] nn::KeyValueStore& keys_values() { return keys_values_; }

  // Makes all index arrays. Returns the numbers and addresses with which the device is called,
  // besides the contents of uploaded arrays: equal for passes of which a device can repeat the
  // work. Nothing if the kernels of a GPU do not compute the whole pass.
  [[nodiscard]] std::vector<std::int64_t> shape() const;

 private:
  // Whether the scores need the head's table.
  [[nodiscard]] bool reads_head() const;
  // Whether a layer is the model's last one, which computes only the target rows.
  [[nodiscard]] bool is_last(std::size_t layer) const;
  [[nodiscard]] nn::QueryRows queries(std::size_t layer) const;
  // Return the keys and values of a layer in every store, and their gradients.
  [[nodiscard]] std::vector<nn::KeysValues> resident_layers(std::size_t layer) const;
  [[nodiscard]] std::vector<nn::KeysValues> resident_gradients(std::size_t layer) const;
  void forward_layer(std::size_t layer, at::Tensor& x, at::Tensor& memory);
  void store(const nn::Block& block, const nn::BlockRecord& record, std::size_t layer) const;
  void backward_layer(std::size_t layer, at::Tensor& grad_x);
  void scatter(const at::Tensor& grad_rows, std::span<at::Tensor> prompt_gradients) const;

  const Backbone& backbone_;
  ForestPassOptions options_;
  nn::Keep keep_;
  std::int64_t row_count_;
  std::vector<TokenId> tokens_;
  std::vector<PromptSpan> prompt_spans_;
  std::int64_t target_count_;
  std::unique_ptr<nn::Scores> scores_;
  PassRows rows_;
  at::Tensor sources_;      // nn::Embedding::sources()
  at::Tensor prompt_rows_;  // [rows of soft prompts] int64, for backward
  at::Tensor stored_rows_;  // [rows] int64, of options_.stored

  std::vector<nn::BlockRecord> records_;
  at::Tensor last_;    // [target rows, hidden], after the model's last layer
  at::Tensor output_;  // [rows, hidden], after the last layer of a stage that is not the last
  nn::KeyValueStore keys_values_;
};

}  // namespace incipit::model
