#include "nn/attention.h"

#include "nn/attention_backends.h"
#include "nn/attention_flash.h"
#include "nn/flops.h"
#include "nn/meta_device.h"

namespace incipit::nn {
namespace {

// Returns the operations of one matmul of every query with all the keys or values that it sees.
double matmul_flops(const AttentionPlan& plan, const AttentionShape& shape,
                    const AttentionRule& rule) {
  return 2.0 * static_cast<double>(shape.heads * shape.head_dim) * plan.pairs(rule);
}

}  // namespace

void start_gradients(const KeysValues& gradient, const KeysValues& from) {
  const auto start = [](at::Tensor sum, const at::Tensor& value) {
    value.defined() ? sum.copy_(value) : sum.zero_();
  };
  start(gradient.keys, from.keys);
  start(gradient.values, from.values);
}

AttentionResult attention_forward(const AttentionPlan& plan, const AttentionShape& shape,
                                  const AttentionRule& rule, const at::Tensor& queries,
                                  const KeysValues& own, Stores residents) {
  count_flops(2 * matmul_flops(plan, shape, rule));  // scores, output
  if (has_attention_kernels(plan, shape, rule, queries)) {
    return attention_forward_flash(plan, shape, rule, queries, own, residents);
  }
  return has_cpu_kernels(queries.device())
             ? attention_forward_cpu(plan, shape, rule, queries, own, residents)
             : attention_forward_parts(plan, shape, rule, queries, own, residents);
}

void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const AttentionRule& rule, const at::Tensor& queries, const KeysValues& own,
                        Stores residents, const AttentionResult& result, const at::Tensor& grad,
                        at::Tensor grad_queries, const KeysValues& grad_own,
                        Stores grad_residents) {
  // The gradients of the output's weights, queries, keys and values; not the scores again.
  count_flops(4 * matmul_flops(plan, shape, rule));
  const auto backward =
      has_cpu_kernels(queries.device()) ? attention_backward_cpu : attention_backward_parts;
  backward(plan, shape, rule, queries, own, residents, result, grad, grad_queries, grad_own,
           grad_residents);
}

}  // namespace incipit::nn
