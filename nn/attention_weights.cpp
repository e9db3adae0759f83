#include "nn/attention_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "core/check.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Returns the keys on the path to a segment's rows, its own included: [keys, kv_width].
at::Tensor keys_on_path(const AttentionPlan::Segment& segment, const KeysValues& own,
                        Stores residents, at::ScalarType type) {
  std::vector<at::Tensor> parts;
  for (const KeySpan& span : segment.ancestors) {
    const KeysValues& from = span.store == KeySpan::kOwn ? own : residents[span.store];
    parts.push_back(from.keys.narrow(0, span.rows.begin, span.rows.size()).to(type));
  }
  parts.push_back(own.keys.narrow(0, segment.own_keys.begin, segment.own_keys.size()).to(type));
  return at::cat(parts);
}

const AttentionPlan::Segment& segment_of(const AttentionPlan& plan, std::int64_t query) {
  for (const AttentionPlan::Segment& segment : plan.segments()) {
    if (query >= segment.queries.begin && query < segment.queries.end) return segment;
  }
  throw LogicError("the plan has no such query");
}

}  // namespace

at::Tensor attention_weights(const AttentionPlan& plan, const AttentionShape& shape,
                             const AttentionRule& rule, std::int64_t query,
                             const at::Tensor& queries, const KeysValues& own, Stores residents) {
  const at::ScalarType type = ops::accumulate_type(queries.scalar_type());
  const at::Tensor keys = keys_on_path(segment_of(plan, query), own, residents, type);
  const std::int64_t group = shape.heads / shape.kv_heads;
  // [kv_heads, group, head_dim] x [kv_heads, head_dim, keys]
  const at::Tensor q =
      queries[query].to(type).contiguous().view({shape.kv_heads, group, shape.head_dim});
  const at::Tensor k = keys.view({-1, shape.kv_heads, shape.head_dim}).permute({1, 2, 0});
  at::Tensor scores = at::matmul(q, k).mul_(shape.scale(rule)).view({shape.heads, -1});
  if (rule.softcap) scores = ops::softcap_(scores, *rule.softcap);
  const Range seen = plan.seen_keys(query, rule);
  at::Tensor weights = at::zeros(scores.sizes(), scores.options());
  weights.narrow(1, seen.begin, seen.size())
      .copy_(at::softmax(scores.narrow(1, seen.begin, seen.size()), -1));
  return weights;
}

}  // namespace incipit::nn
