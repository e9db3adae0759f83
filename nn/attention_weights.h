// The weights of attention, for looking into a model. A pass never has all of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/attention.h"

namespace incipit::nn {

// Returns softmax(softcap(scale * q k^T)) of query `query` of the plan over the keys on its path,
// from the root: [heads, keys], accumulate type; 0 for keys that the query does not see. The other
// arguments are those of attention_forward().
[[nodiscard]] at::Tensor attention_weights(const AttentionPlan& plan, const AttentionShape& shape,
                                           const AttentionRule& rule, std::int64_t query,
                                           const at::Tensor& queries, const KeysValues& own,
                                           Stores residents);

}  // namespace incipit::nn
