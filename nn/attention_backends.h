// The implementations of nn/attention.h. Not for use in other folders.
#pragma once

#include "nn/attention.h"

namespace incipit::nn {

// Returns a view of the heads of every row: [rows, width] -> [rows, heads, width / heads].
inline at::Tensor by_head(const at::Tensor& x, std::int64_t heads) {
  return x.unflatten(1, {heads, x.size(1) / heads});
}

AttentionResult attention_forward_cpu(const AttentionPlan& plan, const AttentionShape& shape,
                                      const AttentionRule& rule, const at::Tensor& queries,
                                      const KeysValues& own, Stores residents);
void attention_backward_cpu(const AttentionPlan& plan, const AttentionShape& shape,
                            const AttentionRule& rule, const at::Tensor& queries,
                            const KeysValues& own, Stores residents, const AttentionResult& result,
                            const at::Tensor& grad, at::Tensor grad_queries,
                            const KeysValues& grad_own, Stores grad_residents);

// For any device, composed of ATen calls: one dense call per depth of the forest, merged by
// log-sum-exp. On CUDA uses flash attention for bfloat16 and float16 where it supports the mask and
// head size; otherwise plain matmuls.
AttentionResult attention_forward_parts(const AttentionPlan& plan, const AttentionShape& shape,
                                        const AttentionRule& rule, const at::Tensor& queries,
                                        const KeysValues& own, Stores residents);
void attention_backward_parts(const AttentionPlan& plan, const AttentionShape& shape,
                              const AttentionRule& rule, const at::Tensor& queries,
                              const KeysValues& own, Stores residents,
                              const AttentionResult& result, const at::Tensor& grad,
                              at::Tensor grad_queries, const KeysValues& grad_own,
                              Stores grad_residents);

}  // namespace incipit::nn
