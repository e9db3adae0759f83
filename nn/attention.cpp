#include "nn/attention.h"

#include "nn/attention_backends.h"

namespace incipit::nn {

AttentionResult attention_forward(const AttentionPlan& plan, const AttentionShape& shape,
                                  const AttentionRule& rule, const at::Tensor& queries,
                                  const KeysValues& own, Stores residents) {
  return queries.is_cpu() ? attention_forward_cpu(plan, shape, rule, queries, own, residents)
                          : attention_forward_parts(plan, shape, rule, queries, own, residents);
}

void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const AttentionRule& rule, const at::Tensor& queries, const KeysValues& own,
                        Stores residents, const AttentionResult& result, const at::Tensor& grad,
                        at::Tensor grad_queries, const KeysValues& grad_own,
                        Stores grad_residents) {
  const auto backward = queries.is_cpu() ? attention_backward_cpu : attention_backward_parts;
  backward(plan, shape, rule, queries, own, residents, result, grad, grad_queries, grad_own,
           grad_residents);
}

}  // namespace incipit::nn
