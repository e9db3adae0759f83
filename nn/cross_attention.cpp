#include "nn/cross_attention.h"

#include <ATen/ops/empty.h>

#include "nn/ops.h"

namespace incipit::nn {

KeysValues CrossAttention::split(const at::Tensor& both) {
  const std::int64_t width = both.size(1) / 2;
  return {both.narrow(1, 0, width), both.narrow(1, width, width)};
}

at::Tensor CrossAttention::forward(const CrossRows& rows, const at::Tensor& x,
                                   const at::Tensor& memory, Stores residents,
                                   CrossRecord& record) const {
  record.input.input = x;
  record.memory = memory;
  record.queries = query.forward(norm.forward(x, record.input.statistics), rows.queries);
  record.keys_values = keys_values.forward(memory, rows.memory);
  record.attention = attention_forward(*rows.plan, shape, rule, record.queries,
                                       split(record.keys_values), residents);
  return output.forward(record.attention.output, rows.queries).add_(x);
}

at::Tensor CrossAttention::backward(const CrossRows& rows, const CrossRecord& record,
                                    at::Tensor& grad, const KeysValues& own, Stores residents,
                                    Stores grad_residents) const {
  const at::ScalarType compute = record.queries.scalar_type();
  const auto wide = record.queries.options().dtype(ops::accumulate_type(compute));
  at::Tensor grad_queries = at::empty(record.queries.sizes(), wide);
  const at::Tensor grad_keys_values = at::empty(record.keys_values.sizes(), wide);
  start_gradients(split(grad_keys_values), own);
  attention_backward(*rows.plan, shape, rule, record.queries, split(record.keys_values), residents,
                     record.attention, output.backward(grad, record.attention.output, rows.queries),
                     grad_queries, split(grad_keys_values), grad_residents);
  NormStatistics unused;
  const at::Tensor normal =
      query.needs_input(rows.queries) ? norm.forward(record.input.input, unused) : at::Tensor();
  norm.backward_add(query.backward(grad_queries.to(compute), normal, rows.queries),
                    record.input.input, record.input.statistics, grad);
  return keys_values.backward(grad_keys_values.to(compute), record.memory, rows.memory);
}

}  // namespace incipit::nn
