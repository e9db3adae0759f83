#include "model/attention.h"

#include "model/attention_backends.h"

namespace incipit::model {

AttentionResult attention_forward(const AttentionPlan& plan, const AttentionShape& shape,
                                  const at::Tensor& queries, const KeysValues& own,
                                  const KeysValues& residents) {
  return attention_forward_cpu(plan, shape, queries, own, residents);
}

void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const at::Tensor& queries, const KeysValues& own,
                        const KeysValues& residents, const AttentionResult& result,
                        const at::Tensor& grad, at::Tensor grad_queries, KeysValues grad_own,
                        KeysValues grad_residents) {
  attention_backward_cpu(plan, shape, queries, own, residents, result, grad, grad_queries,
                         grad_own, grad_residents);
}

}  // namespace incipit::model
