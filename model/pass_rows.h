// The rows of a pass, by the stack of layers that computes them. In a model with one stack all rows
// are the stack's, and nothing is copied.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"
#include "nn/block.h"
#include "nn/key_values.h"
#include "nn/low_rank.h"

namespace incipit::model {

// Returns the number of positions, from 0, that a forest's rows have.
[[nodiscard]] std::int64_t position_count(const Forest& forest);

class PassRows {
 public:
  // Targets stand at `target_rows` of the forest, which are ascending and of the last stack.
  // `adapters` are ForestPassOptions::adapters. `rotary`: tables of the backbone for at least all
  // positions; null: makes them. `trains_stores`: backward passes add gradients to resident rows.
  PassRows(const Backbone& backbone, const Forest& forest,
           const std::vector<std::int64_t>& target_rows,
           std::span<const nn::LowRankMaps* const> adapters,
           const std::vector<nn::ops::RotaryTable>* rotary, bool trains_stores);

  [[nodiscard]] const nn::BlockContext& context(const nn::Block& block) const {
    return stacks_[block.stack].context;
  }
  // `last`: the model's last layer, which computes only the target rows.
  [[nodiscard]] nn::QueryRows queries(const nn::Block& block, bool last) const;
  [[nodiscard]] const at::Tensor& positions() const { return positions_; }  // [rows] int32
  [[nodiscard]] const std::vector<nn::ops::RotaryTable>& rotary() const {
    return stacks_.front().context.rotary;
  }
  // Whether any row has additions.
  [[nodiscard]] bool has_additions() const;
  // Whether the model has one stack.
  [[nodiscard]] bool all() const { return stacks_.size() == 1; }

  // Return the rows of the block's stack, and those of the encoder, of `x` [all rows, width].
  [[nodiscard]] at::Tensor select(const nn::Block& block, const at::Tensor& x) const;
  [[nodiscard]] at::Tensor select_memory(const at::Tensor& x) const;
  // Replaces the rows of the block's stack in `x`; may overwrite `x`.
  [[nodiscard]] at::Tensor replace(const nn::Block& block, const at::Tensor& x,
                                   const at::Tensor& rows) const;
  // Adds `grad_memory` to the encoder's rows of `x`.
  void add_memory(const at::Tensor& x, const at::Tensor& grad_memory) const;

  // Returns the keys and values of a layer: at the rows of its stack its own, and at the rows of
  // the encoder those of cross attention.
  [[nodiscard]] nn::KeyValueStore::Layer keys_values(const nn::Block& block,
                                                     const nn::BlockRecord& record) const;
  // Returns the gradients of what keys_values() returned.
  [[nodiscard]] nn::LaterGradients later_gradients(const nn::Block& block,
                                                   const nn::KeyValueStore::Layer& layer) const;

 private:
  struct Stack {
    at::Tensor index;  // [rows of the stack] int64, of the forest; undefined: all rows
    nn::BlockContext context;
    nn::AttentionPlan plan;
  };

  std::int64_t rows_ = 0;
  at::Tensor positions_;
  std::vector<Stack> stacks_;
  nn::AttentionPlan target_plan_;
  std::vector<nn::AttentionPlan> cross_plans_;  // of a decoder: all rows, target rows
  at::Tensor target_index_;                     // [target rows] int64, of the last stack's rows
  nn::Additions target_additions_;              // at these rows
};

}  // namespace incipit::model
