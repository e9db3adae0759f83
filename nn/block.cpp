#include "nn/block.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <utility>

#include "core/phase.h"
#include "nn/attention_flash.h"
#include "nn/flops.h"

namespace incipit::nn {
namespace {

at::Tensor select(const at::Tensor& x, const at::Tensor& rows) {
  return rows.defined() ? ops::select_rows(x, rows) : x;
}

NormStatistics select(const NormStatistics& statistics, const at::Tensor& rows) {
  const auto of_rows = [&](const at::Tensor& x) {
    if (!x.defined()) return x;
    const at::Tensor selected = select(x.view({-1, 1}), rows);
    return x.dim() == 1 ? selected.squeeze(1) : selected;
  };
  return rows.defined() ? NormStatistics{of_rows(statistics.mean), of_rows(statistics.inverse)}
                        : statistics;
}

// Returns the queries and keys in `qkv`.
at::Tensor queries_keys(const SelfAttention& attention, const at::Tensor& qkv) {
  return qkv.narrow(1, 0, attention.q_width() + attention.kv_width());
}

// Normalises every query and key head before rotation, in place.
void normalise_heads(const SelfAttention& attention, const at::Tensor& qkv) {
  attention.query_norm->forward_heads(qkv.narrow(1, 0, attention.q_width()));
  attention.key_norm->forward_heads(qkv.narrow(1, attention.q_width(), attention.kv_width()));
}

// Converts the gradient after the head norms to the gradient before them, in place.
void normalise_heads_backward(const SelfAttention& attention, const at::Tensor& raw_qk,
                              const at::Tensor& grad_qkv) {
  const auto apply = [&](std::int64_t begin, std::int64_t width, const Norm& norm) {
    norm.backward_heads(grad_qkv.narrow(1, begin, width), raw_qk.narrow(1, begin, width));
  };
  apply(0, attention.q_width(), *attention.query_norm);
  apply(attention.q_width(), attention.kv_width(), *attention.key_norm);
}

void rotate(const BlockContext& context, const SelfAttention& attention, const at::Tensor& qkv,
            bool back) {
  if (attention.rotary < 0) return;
  ops::rotate_(queries_keys(attention, qkv), attention.shape.heads + attention.shape.kv_heads,
               context.positions, context.rotary[attention.rotary], back);
}

// Returns d loss / d qkv before rotation and head norms, in the compute dtype.
at::Tensor qkv_gradient(const BlockContext& context, const SelfAttention& attention,
                        const QueryRows& queries, const BlockRecord& record,
                        const at::Tensor& grad_attention, const KeysValues& own, Stores residents,
                        Stores grad_residents) {
  const std::int64_t q_width = attention.q_width();
  const at::Tensor selected = select(record.qkv.narrow(1, 0, q_width), queries.index);
  if (has_attention_kernels(*queries.plan, attention.shape, attention.rule, selected)) {
    const bool rotates = attention.rotary >= 0;
    at::Tensor grad = attention_backward_flash(
        *queries.plan, attention.shape, attention.rule, selected, attention.keys_values(record.qkv),
        residents, record.attention, grad_attention, own, grad_residents,
        {context.positions, rotates ? &context.rotary[attention.rotary] : nullptr});
    if (attention.query_norm) normalise_heads_backward(attention, record.raw_qk, grad);
    return grad;
  }
  const auto wide = record.qkv.options().dtype(ops::accumulate_type(record.qkv.scalar_type()));
  at::Tensor grad = at::empty({record.qkv.size(0), record.qkv.size(1)}, wide);
  at::Tensor grad_queries = grad.narrow(1, 0, q_width);
  const KeysValues grad_own = attention.keys_values(grad);
  start_gradients(grad_own, own);

  const bool all_rows = !queries.index.defined();
  at::Tensor grad_selected =
      all_rows ? grad_queries : at::empty({queries.index.size(0), q_width}, wide);
  attention_backward(*queries.plan, attention.shape, attention.rule, selected,
                     attention.keys_values(record.qkv), residents, record.attention, grad_attention,
                     grad_selected, grad_own, grad_residents);
  if (!all_rows) grad_queries.zero_().index_copy_(0, queries.index, grad_selected);

  rotate(context, attention, grad, /*back=*/true);
  if (attention.query_norm) normalise_heads_backward(attention, record.raw_qk, grad);
  return grad.to(record.qkv.scalar_type());
}

// Returns residual + norm(y), or residual + y if there is no norm. May overwrite y.
at::Tensor add_normal(const std::optional<Norm>& norm, at::Tensor y, const at::Tensor& residual,
                      NormRecord& record) {
  if (norm) {
    record.input = std::move(y);
    y = norm->forward(record.input, record.statistics);
  }
  ops::add_(y, residual);
  return y;
}

// Returns the gradient of y in add_normal(), given that of its result.
at::Tensor add_normal_backward(const std::optional<Norm>& norm, const at::Tensor& grad,
                               const NormRecord& record) {
  if (!norm) return grad;
  at::Tensor grad_y = at::empty_like(grad);
  norm->backward(grad, record.input, record.statistics, grad_y);
  return grad_y;
}

}  // namespace

KeysValues SelfAttention::keys_values(const at::Tensor& qkv) const {
  return {qkv.narrow(1, q_width(), kv_width()), qkv.narrow(1, q_width() + kv_width(), kv_width())};
}

void Block::project(const BlockContext& context, bool for_backward, BlockRecord& record) const {
  const Phase phase("qkv");
  record.qkv = attention.qkv.forward(attention_norm.forward(record.input, record.input_statistics),
                                     context.additions);
  if (attention.query_norm) {
    if (for_backward) record.raw_qk = ops::copy_rows(queries_keys(attention, record.qkv));
    normalise_heads(attention, record.qkv);
  }
  rotate(context, attention, record.qkv, /*back=*/false);
}

at::Tensor Block::finish(const QueryRows& queries, const at::Tensor& memory, Stores residents,
                         Output output, BlockRecord& record) const {
  Phase phase("attention output");
  const at::Tensor residual = select(record.input, queries.index);
  at::Tensor& middle = record.middle;
  middle = attention.output.forward(record.attention.output, queries.additions);
  at::Tensor normal;
  if (attention_post_norm || cross) {
    middle = add_normal(attention_post_norm, std::move(middle), residual, record.attention_post);
    if (cross) {
      phase.next("cross attention");
      middle = cross->forward(queries.cross, middle, memory, residents, record.cross);
    }
    phase.next("mlp");
    normal = mlp_norm.forward(middle, record.middle_statistics);
  } else {
    phase.next("mlp");
    normal = mlp_norm.forward_sum(middle, residual, middle, record.middle_statistics);
  }
  if (output == Output::kUnused && !mlp_post_norm && !output_norm) {
    record.hidden = mlp.up(normal, queries.additions);
    return {};
  }
  at::Tensor out = add_normal(mlp_post_norm, mlp.forward(normal, queries.additions, record.hidden),
                              record.middle, record.mlp_post);
  if (!output_norm) return out;
  record.output.input = std::move(out);
  return output_norm->forward(record.output.input, record.output.statistics);
}

at::Tensor Block::forward(const BlockContext& context, const QueryRows& queries,
                          const at::Tensor& x, const at::Tensor& memory, Stores residents,
                          Keep keep, BlockRecord& record) const {
  record.input = x;
  project(context, keep == Keep::kAll, record);
  {
    const Phase phase("attention");
    record.attention =
        attention_forward(*queries.plan, attention.shape, attention.rule,
                          select(record.qkv.narrow(1, 0, attention.q_width()), queries.index),
                          attention.keys_values(record.qkv), residents);
  }
  at::Tensor out = finish(queries, memory, residents, Output::kUsed, record);
  if (keep == Keep::kAll) return out;
  BlockRecord kept;
  kept.qkv = std::move(record.qkv);
  kept.cross.keys_values = std::move(record.cross.keys_values);
  if (keep == Keep::kAttention) {
    kept.input = std::move(record.input);
    kept.attention = std::move(record.attention);
    kept.cross.memory = std::move(record.cross.memory);
  }
  record = std::move(kept);
  return out;
}

void Block::recompute(const BlockContext& context, const QueryRows& queries, Stores residents,
                      BlockRecord& record) const {
  const Recomputation scope;
  project(context, /*for_backward=*/true, record);
  (void)finish(queries, record.cross.memory, residents, Output::kUnused, record);
}

at::Tensor Block::backward(const BlockContext& context, const QueryRows& queries,
                           const BlockRecord& record, at::Tensor grad, const LaterGradients& later,
                           Stores residents, Stores grad_residents, const at::Tensor& input_rows,
                           at::Tensor& grad_memory) const {
  const auto input_of = [](bool needed, const Norm& norm, const at::Tensor& x) {
    NormStatistics unused;
    return needed ? norm.forward(x, unused) : at::Tensor();
  };
  Phase phase("mlp");
  if (output_norm) grad = add_normal_backward(output_norm, grad, record.output);
  const at::Tensor grad_mlp = add_normal_backward(mlp_post_norm, grad, record.mlp_post);
  mlp_norm.backward_add(
      mlp.backward(grad_mlp, record.hidden,
                   input_of(mlp.needs_input(queries.additions), mlp_norm, record.middle),
                   queries.additions),
      record.middle, record.middle_statistics, grad);
  if (cross) {
    phase.next("cross attention");
    grad_memory =
        cross->backward(queries.cross, record.cross, grad, later.memory, residents, grad_residents);
  }
  phase.next("attention output");
  const at::Tensor grad_output =
      add_normal_backward(attention_post_norm, grad, record.attention_post);
  at::Tensor grad_attention =
      attention.output.backward(grad_output, record.attention.output, queries.additions);
  phase.next("attention");
  const at::Tensor grad_qkv = qkv_gradient(context, attention, queries, record, grad_attention,
                                           later.own, residents, grad_residents);
  grad_attention.reset();
  phase.next("qkv");
  at::Tensor grad_x = grad;
  if (queries.index.defined()) {
    grad_x = ops::expand_rows(grad, queries.index, record.input.size(0));
  }
  grad_x = select(grad_x, input_rows);
  const at::Tensor grad_normal = attention.qkv.backward(
      select(grad_qkv, input_rows),
      input_of(attention.qkv.needs_input(context.additions), attention_norm, record.input),
      context.additions);
  attention_norm.backward_add(grad_normal, select(record.input, input_rows),
                              select(record.input_statistics, input_rows), grad_x);
  return grad_x;
}

}  // namespace incipit::nn
