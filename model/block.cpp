#include "model/block.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace incipit::model {
namespace {

nn::AttentionShape attention_shape(const TransformerConfig& c) {
  return {c.heads, c.kv_heads, c.head_dim};
}

at::Tensor select(const at::Tensor& x, const at::Tensor& rows) {
  return rows.defined() ? x.index_select(0, rows) : x;
}

// Returns heads as rows: [rows, heads * head_dim] -> [rows * heads, head_dim].
at::Tensor heads_as_rows(const at::Tensor& x, std::int64_t head_dim) {
  return x.contiguous().view({-1, head_dim});
}

// Qwen3: normalises every query and key head before rotation.
void normalise_heads(const TransformerConfig& c, const BlockWeights& weights, at::Tensor qkv) {
  at::Tensor r;
  const auto apply = [&](at::Tensor part, const at::Tensor& weight) {
    part.copy_(nn::ops::rms_norm(heads_as_rows(part, c.head_dim), weight, c.rms_norm_eps, r)
                   .view_as(part));
  };
  apply(qkv.narrow(1, 0, c.q_width()), weights.query_norm);
  apply(qkv.narrow(1, c.q_width(), c.kv_width()), weights.key_norm);
}

// Converts the gradient after the head norms to the gradient before them, in place.
void normalise_heads_backward(const TransformerConfig& c, const BlockWeights& weights,
                              const at::Tensor& raw_qk, at::Tensor grad_qkv) {
  const auto apply = [&](std::int64_t begin, std::int64_t width, const at::Tensor& weight) {
    at::Tensor grad = grad_qkv.narrow(1, begin, width);
    const at::Tensor x =
        heads_as_rows(raw_qk.narrow(1, begin, width), c.head_dim).to(grad.scalar_type());
    at::Tensor r;
    (void)nn::ops::rms_norm(x, weight, c.rms_norm_eps, r);
    at::Tensor grad_x = at::zeros_like(x);
    nn::ops::rms_norm_backward_add(heads_as_rows(grad, c.head_dim), x, weight, r, grad_x);
    grad.copy_(grad_x.view_as(grad));
  };
  apply(0, c.q_width(), weights.query_norm);
  apply(c.q_width(), c.kv_width(), weights.key_norm);
}

nn::KeysValues of_residents(const KeyValueStore::Layer* residents) {
  return residents ? nn::KeysValues{residents->keys, residents->values} : nn::KeysValues{};
}

// Returns d loss / d qkv before rotation and head norms, in the backbone's dtype.
at::Tensor qkv_gradient(const BlockContext& context, const BlockWeights& weights,
                        const QueryRows& queries, const BlockRecord& record,
                        const at::Tensor& grad_attention, const KeyValueStore::Layer& own,
                        KeyValueStore::Layer* residents) {
  const TransformerConfig& c = *context.config;
  const auto wide = record.qkv.options().dtype(nn::ops::accumulate_type(record.qkv.scalar_type()));
  at::Tensor grad = at::empty({record.qkv.size(0), c.qkv_width()}, wide);
  at::Tensor grad_queries = grad.narrow(1, 0, c.q_width());
  const nn::KeysValues grad_own = keys_values_of(c, grad);
  const auto start = [](at::Tensor sum, const at::Tensor& from) {
    from.defined() ? sum.copy_(from) : sum.zero_();
  };
  start(grad_own.keys, own.grad_keys);
  start(grad_own.values, own.grad_values);
  const nn::KeysValues grad_residents =
      residents ? nn::KeysValues{residents->grad_keys, residents->grad_values} : nn::KeysValues{};

  const bool all_rows = !queries.index.defined();
  at::Tensor grad_selected =
      all_rows ? grad_queries : at::empty({queries.index.size(0), c.q_width()}, wide);
  nn::attention_backward(*queries.plan, attention_shape(c),
                         select(record.qkv.narrow(1, 0, c.q_width()), queries.index),
                         keys_values_of(c, record.qkv), of_residents(residents), record.attention,
                         grad_attention, grad_selected, grad_own, grad_residents);
  if (!all_rows) grad_queries.zero_().index_copy_(0, queries.index, grad_selected);

  nn::ops::rotate_(grad.narrow(1, 0, c.q_width() + c.kv_width()), c.heads + c.kv_heads,
                   context.positions, context.rotary, /*back=*/true);
  if (c.qk_norm) normalise_heads_backward(c, weights, record.raw_qk, grad);
  return grad.to(record.qkv.scalar_type());
}

}  // namespace

nn::KeysValues keys_values_of(const TransformerConfig& c, const at::Tensor& qkv) {
  return {qkv.narrow(1, c.q_width(), c.kv_width()),
          qkv.narrow(1, c.q_width() + c.kv_width(), c.kv_width())};
}

at::Tensor block_forward(const BlockContext& context, const BlockWeights& weights,
                         const QueryRows& queries, const at::Tensor& x,
                         const KeyValueStore::Layer* residents, bool for_backward,
                         BlockRecord& record) {
  const TransformerConfig& c = *context.config;
  at::Tensor input_r;
  at::Tensor qkv =
      weights.qkv->forward(nn::ops::rms_norm(x, weights.attention_norm, c.rms_norm_eps, input_r));
  if (c.qk_norm) {
    if (for_backward) record.raw_qk = qkv.narrow(1, 0, c.q_width() + c.kv_width()).clone();
    normalise_heads(c, weights, qkv);
  }
  nn::ops::rotate_(qkv.narrow(1, 0, c.q_width() + c.kv_width()), c.heads + c.kv_heads,
                   context.positions, context.rotary);
  nn::AttentionResult attention = nn::attention_forward(
      *queries.plan, attention_shape(c), select(qkv.narrow(1, 0, c.q_width()), queries.index),
      keys_values_of(c, qkv), of_residents(residents));

  at::Tensor middle = weights.output->forward_add(attention.output, select(x, queries.index));
  at::Tensor middle_r;
  at::Tensor gate_up = weights.gate_up->forward(
      nn::ops::rms_norm(middle, weights.mlp_norm, c.rms_norm_eps, middle_r));
  at::Tensor out = weights.down->forward_add(nn::ops::swiglu(gate_up), middle);

  record.qkv = std::move(qkv);
  if (for_backward) {
    record.input = x;
    record.input_r = std::move(input_r);
    record.attention = std::move(attention);
    record.middle = std::move(middle);
    record.middle_r = std::move(middle_r);
    record.gate_up = std::move(gate_up);
  }
  return out;
}

at::Tensor block_backward(const BlockContext& context, const BlockWeights& weights,
                          const QueryRows& queries, const BlockRecord& record, at::Tensor grad,
                          const KeyValueStore::Layer& own, KeyValueStore::Layer* residents,
                          const at::Tensor& input_rows) {
  const at::Tensor grad_mlp = weights.gate_up->backward(
      nn::ops::swiglu_backward(weights.down->backward(grad), record.gate_up));
  nn::ops::rms_norm_backward_add(grad_mlp, record.middle, weights.mlp_norm, record.middle_r, grad);

  const at::Tensor grad_qkv = qkv_gradient(context, weights, queries, record,
                                           weights.output->backward(grad), own, residents);
  at::Tensor grad_x = grad;
  if (queries.index.defined()) {
    grad_x = at::zeros_like(record.input).index_copy_(0, queries.index, grad);
  }
  grad_x = select(grad_x, input_rows);
  const at::Tensor grad_normal = weights.qkv->backward(select(grad_qkv, input_rows));
  nn::ops::rms_norm_backward_add(grad_normal, select(record.input, input_rows),
                                 weights.attention_norm, select(record.input_r, input_rows),
                                 grad_x);
  return grad_x;
}

}  // namespace incipit::model
