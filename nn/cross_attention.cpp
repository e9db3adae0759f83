#include "nn/cross_attention.h"

#include <ATen/ops/empty.h>

#include "nn/ops.h"

namespace incipit::nn {

KeysValues CrossAttention::split(const at::Tensor& both) {
  const std::int64_t width = both.size(1) / 2;
  return {both.narrow(1, 0, width), both.narrow(1, width, width)};
}

at::Tensor CrossAttention::forward(const AttentionPlan& plan, const at::Tensor& x,
                                   const at::Tensor& memory, Stores residents,
                                   CrossRecord& record) const {
  record.input.input = x;
  record.memory = memory;
  record.queries = query.forward(norm.forward(x, record.input.statistics));
  record.keys_values = keys_values.forward(memory);
  record.attention =
      attention_forward(plan, shape, rule, record.queries, split(record.keys_values), residents);
  return output.forward(record.attention.output).add_(x);
}

at::Tensor CrossAttention::backward(const AttentionPlan& plan, const CrossRecord& record,
                                    at::Tensor& grad, const KeysValues& own, Stores residents,
                                    Stores grad_residents) const {
  const at::ScalarType compute = record.queries.scalar_type();
  const auto wide = record.queries.options().dtype(ops::accumulate_type(compute));
  at::Tensor grad_queries = at::empty(record.queries.sizes(), wide);
  const at::Tensor grad_keys_values = at::empty(record.keys_values.sizes(), wide);
  start_gradients(split(grad_keys_values), own);
  attention_backward(plan, shape, rule, record.queries, split(record.keys_values), residents,
                     record.attention, output.backward(grad, record.attention.output), grad_queries,
                     split(grad_keys_values), grad_residents);
  NormStatistics unused;
  const at::Tensor normal =
      query.trains() ? norm.forward(record.input.input, unused) : at::Tensor();
  norm.backward_add(query.backward(grad_queries.to(compute), normal), record.input.input,
                    record.input.statistics, grad);
  return keys_values.backward(grad_keys_values.to(compute), record.memory);
}

}  // namespace incipit::nn
