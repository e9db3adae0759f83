// One transformer layer, forward and backward, on the packed rows of a forest.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/backbone.h"
#include "model/forest_pass.h"
#include "nn/attention.h"
#include "nn/ops.h"

namespace incipit::model {

// Data shared by all layers of a pass.
struct BlockContext {
  const TransformerConfig* config = nullptr;
  at::Tensor positions;  // [rows] int32
  nn::ops::RotaryTable rotary;
};

// The rows for which a layer computes queries, attention and MLP: all, or only some (the last layer
// needs only the target rows). Keys and values are computed for all rows.
struct QueryRows {
  const nn::AttentionPlan* plan = nullptr;
  at::Tensor index;  // [queries] int64, undefined: every row
};

// The activations that a layer's backward needs from its forward. The queries and keys in `qkv` are
// rotated.
struct BlockRecord {
  at::Tensor input, input_r;  // [rows, hidden], [rows]
  at::Tensor raw_qk;          // [rows, q_width + kv_width], before the norms of queries and keys
  at::Tensor qkv;             // [rows, qkv_width]
  nn::AttentionResult attention;  // of the queries
  at::Tensor middle, middle_r;    // [queries, hidden], [queries]: after attention
  at::Tensor gate_up;             // [queries, 2 intermediate]
};

// Computes a layer: x [rows, hidden] -> [queries, hidden]. `residents` may be null. Always sets
// record.qkv, and the rest of `record` only if `for_backward`.
[[nodiscard]] at::Tensor block_forward(const BlockContext& context, const BlockWeights& weights,
                                       const QueryRows& queries, const at::Tensor& x,
                                       const KeyValueStore::Layer* residents, bool for_backward,
                                       BlockRecord& record);

// Returns the gradient of the layer's input, given that of its output, grad [queries, hidden]. If
// `input_rows` (int64) is defined, computes only those rows: [input_rows, hidden]. `own` contains
// the gradients that later passes added to this forest's keys and values (undefined: none). Adds
// the gradients of residents to `residents`. May overwrite `grad`.
[[nodiscard]] at::Tensor block_backward(const BlockContext& context, const BlockWeights& weights,
                                        const QueryRows& queries, const BlockRecord& record,
                                        at::Tensor grad, const KeyValueStore::Layer& own,
                                        KeyValueStore::Layer* residents,
                                        const at::Tensor& input_rows);

// Returns views of the keys and values in a layer's qkv.
[[nodiscard]] nn::KeysValues keys_values_of(const TransformerConfig& config, const at::Tensor& qkv);

}  // namespace incipit::model
