// One transformer layer, forward and backward, on the packed rows of a forest.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/attention.h"
#include "model/backbone.h"
#include "model/forest_pass.h"
#include "model/ops.h"

namespace incipit::model {

// What all layers of a pass share.
struct BlockContext {
  const TransformerConfig* config = nullptr;
  at::Tensor positions;  // [rows] int32
  ops::RotaryTable rotary;
};

// Which rows a layer computes beyond keys and values: all, or only some (the last layer
// needs no others than the target rows).
struct QueryRows {
  const AttentionPlan* plan = nullptr;
  at::Tensor index;  // [queries] int64, undefined: every row
};

// What a layer's backward needs of its forward. `qkv` holds rotated queries and keys.
struct BlockRecord {
  at::Tensor input, input_r;    // [rows, hidden], [rows]
  at::Tensor raw_qk;            // [rows, q_width + kv_width] before the norms of queries and keys
  at::Tensor qkv;               // [rows, qkv_width]
  AttentionResult attention;    // of the queries
  at::Tensor middle, middle_r;  // [queries, hidden], [queries]: behind attention
  at::Tensor gate_up;           // [queries, 2 intermediate]
};

// x [rows, hidden] -> [queries, hidden]. `residents` may be null. `record` always receives
// qkv; the rest only when `for_backward`.
[[nodiscard]] at::Tensor block_forward(const BlockContext& context, const BlockWeights& weights,
                                       const QueryRows& queries, const at::Tensor& x,
                                       const KeyValueStore::Layer* residents, bool for_backward,
                                       BlockRecord& record);

// grad [queries, hidden] -> gradient of the layer's input. With `input_rows` (int64) defined
// only those rows of it are computed: [input_rows, hidden]. `own` holds what later passes
// added to this forest's keys and values (undefined: nothing); gradients of residents are
// added to `residents`. `grad` may be overwritten.
[[nodiscard]] at::Tensor block_backward(const BlockContext& context, const BlockWeights& weights,
                                        const QueryRows& queries, const BlockRecord& record,
                                        at::Tensor grad, const KeyValueStore::Layer& own,
                                        KeyValueStore::Layer* residents,
                                        const at::Tensor& input_rows);

// The keys and values inside a layer's qkv, as views.
[[nodiscard]] KeysValues keys_values_of(const TransformerConfig& config, const at::Tensor& qkv);

}  // namespace incipit::model
