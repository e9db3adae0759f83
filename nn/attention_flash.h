// Attention of a GPU: one flash call for each depth of the forest, and kernels of Incipit that
// merge the calls and sum their gradients. Not for use in other folders, except by tests.
#pragma once

#include "nn/attention.h"
#include "nn/device_path.h"
#include "nn/ops.h"

namespace incipit::nn {

// Whether attention by this rule can be computed so: the device has kernels, and queries and keys
// are of one stack. Calls that flash attention does not support take plain kernels: float32, scores
// with a softcap, windows that hide keys.
[[nodiscard]] bool has_attention_kernels(const AttentionPlan& plan, const AttentionShape& shape,
                                         const AttentionRule& rule, const at::Tensor& queries);

// As attention_forward().
[[nodiscard]] AttentionResult attention_forward_flash(const AttentionPlan& plan,
                                                      const AttentionShape& shape,
                                                      const AttentionRule& rule,
                                                      const at::Tensor& queries,
                                                      const KeysValues& own, Stores residents);

// Rotary embeddings of the queries and keys, which a gradient undoes.
struct AppliedRotation {
  at::Tensor positions;                     // [rows] int32
  const ops::RotaryTable* table = nullptr;  // null: none
};

// Returns d loss / d (queries | keys | values) of all rows of the forest, [rows, (heads + 2
// kv_heads) * head_dim], before the rotation, in the dtype of the queries. Rows without a query
// have a gradient of 0 there. `later` is added to the gradients of keys and values, which may be
// undefined. Adds to grad_residents as attention_backward() does.
[[nodiscard]] at::Tensor attention_backward_flash(
    const AttentionPlan& plan, const AttentionShape& shape, const AttentionRule& rule,
    const at::Tensor& queries, const KeysValues& own, Stores residents,
    const AttentionResult& result, const at::Tensor& grad, const KeysValues& later,
    Stores grad_residents, const AppliedRotation& rotation);

}  // namespace incipit::nn
