// Attention as a few dense calls. The first is each segment against itself. Then depth d
// of the forest is one call: every query against its segment's d-th ancestor. The parts of a query
// are merged exactly by their log-sum-exp. Backward runs every part with the merged output
// and log-sum-exp, like the blocks of flash attention (Dao et al. 2022).
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "nn/attention_backends.h"
#include "nn/device_path.h"
#include "nn/host_copy.h"
#include "nn/ops.h"

namespace incipit::nn {

// The parts of a plan, and their index tensors on a device.
class AttentionParts {
 public:
  // The keys of a run that each query sees: [queries, 1] int64, as indices from the run's first
  // key.
  struct SeenKeys {
    bool all = false;  // every query sees every key, and the bounds are undefined
    at::Tensor begin, end;
  };

  // Queries [begin, end) against the same key rows.
  struct Run {
    Range queries;
    KeySpan keys;
    std::int64_t position = 0;  // of the first key, along the path
    // By window and by whether the rule is full; made on first use.
    std::map<std::pair<std::optional<std::int64_t>, bool>, SeenKeys> seen{};
  };

  struct Part {
    std::vector<Run> runs;
    bool own = false;  // the keys of each query's own segment
    // Where the queries and the keys of each run begin and where the last ones end: [runs + 1]
    // int32.
    at::Tensor query_ends{}, key_ends{};
  };

  AttentionParts(std::vector<Part> parts, at::Device device);
  [[nodiscard]] at::Device device() const { return device_; }
  [[nodiscard]] std::vector<Part>& parts() { return parts_; }

 private:
  at::Device device_;
  std::vector<Part> parts_;
};

namespace {

using Run = AttentionParts::Run;
using Part = AttentionParts::Part;
using SeenKeys = AttentionParts::SeenKeys;

// The first part is each segment's own rows, of which every query sees at least one; it is empty in
// cross attention.
std::vector<Part> parts_of(const AttentionPlan& plan) {
  std::vector<Part> parts{{{}, true}};
  for (const auto& segment : plan.segments()) {
    if (segment.queries.empty()) continue;
    parts.resize(std::max(parts.size(), segment.ancestors.size() + 1));
    std::int64_t position = 0;
    for (std::size_t depth = 0; depth < segment.ancestors.size(); ++depth) {
      auto& runs = parts[depth + 1].runs;
      const KeySpan& keys = segment.ancestors[depth];
      const bool same = !runs.empty() && runs.back().queries.end == segment.queries.begin &&
                        runs.back().keys.store == keys.store && runs.back().keys.rows == keys.rows;
      if (same) {
        runs.back().queries.end = segment.queries.end;
      } else {
        runs.push_back({segment.queries, keys, position});
      }
      position += keys.rows.size();
    }
    if (!segment.own_keys.empty()) {
      parts[0].runs.push_back({segment.queries, {segment.own_keys}, position});
    }
  }
  return parts;
}

SeenKeys seen_keys(const AttentionPlan& plan, const AttentionRule& rule, const Run& run,
                   at::Device device) {
  std::vector<std::int64_t> begin;
  std::vector<std::int64_t> end;
  bool all = true;
  for (std::int64_t i = run.queries.begin; i < run.queries.end; ++i) {
    const Range seen = plan.seen_keys(i, rule);
    begin.push_back(seen.begin - run.position);
    end.push_back(seen.end - run.position);
    all = all && begin.back() <= 0 && end.back() >= run.keys.rows.size();
  }
  if (all) return {true, {}, {}};
  return {false, upload(begin, device).unsqueeze(1), upload(end, device).unsqueeze(1)};
}

}  // namespace

AttentionParts::AttentionParts(std::vector<Part> parts, at::Device device)
    : device_(device), parts_(std::move(parts)) {
  for (Part& part : parts_) {
    std::vector<std::int32_t> queries{0};
    std::vector<std::int32_t> keys{0};
    for (const Run& run : part.runs) {
      queries.push_back(queries.back() + static_cast<std::int32_t>(run.queries.size()));
      keys.push_back(keys.back() + static_cast<std::int32_t>(run.keys.rows.size()));
    }
    part.query_ends = upload(queries, device);
    part.key_ends = upload(keys, device);
  }
}

AttentionParts& AttentionPlan::parts(at::Device device) const {
  if (!parts_ || parts_->device() != device) {
    parts_ = std::make_shared<AttentionParts>(parts_of(*this), device);
  }
  return *parts_;
}

namespace {

// Concatenates the rows of several runs. Returns a view if there is one run.
template <typename Slice>
at::Tensor gather(const std::vector<Run>& runs, Slice&& slice) {
  std::vector<at::Tensor> slices;
  for (const Run& run : runs) slices.push_back(slice(run));
  return slices.size() == 1 ? slices[0] : at::cat(slices, 0);
}

// The collected tensors of one part, [rows, heads, head_dim].
class PartTensors {
 public:
  PartTensors(const AttentionPlan& plan, Part& part, const AttentionShape& shape,
              const AttentionRule& rule, const at::Tensor& queries, const KeysValues& own,
              Stores residents)
      : plan_(plan),
        part_(part),
        shape_(shape),
        rule_(rule),
        q(by_head(of_queries(queries), shape.heads)) {
    const auto rows_of = [&](const Run& run, bool values) {
      const KeysValues& from = run.keys.store == KeySpan::kOwn ? own : residents[run.keys.store];
      return (values ? from.values : from.keys)
          .narrow(0, run.keys.rows.begin, run.keys.rows.size());
    };
    k = by_head(gather(part.runs, [&](const Run& r) { return rows_of(r, false); }), shape.kv_heads);
    v = by_head(gather(part.runs, [&](const Run& r) { return rows_of(r, true); }), shape.kv_heads);
  }

  [[nodiscard]] at::Tensor of_queries(const at::Tensor& x) const {
    return gather(part_.runs, [&](const Run& run) {
      return x.narrow(0, run.queries.begin, run.queries.size());
    });
  }

  // Calls f(run, first collected query, first collected key).
  template <typename F>
  void for_each_run(F&& f) const {
    std::int64_t query = 0;
    std::int64_t key = 0;
    for (Run& run : part_.runs) {
      f(run, query, key);
      query += run.queries.size();
      key += run.keys.rows.size();
    }
  }

  // Flash attention supports causal masks only for queries at every row, and no softcap. Windows
  // count only where they hide a key.
  [[nodiscard]] bool can_flash() const {
    if (!q.is_cuda() || !has_cuda_flash(q.scalar_type(), shape_.head_dim) || rule_.softcap) {
      return false;
    }
    const bool windowed = std::any_of(part_.runs.begin(), part_.runs.end(), [&](const Run& run) {
      const std::int64_t end = run.position + run.keys.rows.size();
      return plan_.seen_keys(run.queries.end - 1, rule_).begin > run.position ||
             (!causal() && plan_.seen_keys(run.queries.begin, rule_).end < end);
    });
    if (windowed) return false;
    return !causal() || std::all_of(part_.runs.begin(), part_.runs.end(), [](const Run& run) {
      return run.queries.size() == run.keys.rows.size();
    });
  }

  [[nodiscard]] const at::Tensor& query_ends() const { return part_.query_ends; }
  [[nodiscard]] const at::Tensor& key_ends() const { return part_.key_ends; }

  [[nodiscard]] std::pair<std::int64_t, std::int64_t> longest() const {
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    for (const Run& run : part_.runs) {
      queries = std::max(queries, run.queries.size());
      keys = std::max(keys, run.keys.rows.size());
    }
    return {queries, keys};
  }

  // Returns the scores of one run after the softcap, before the mask: [heads, queries, keys],
  // accumulate type.
  [[nodiscard]] at::Tensor scores(const Run& run, std::int64_t query, std::int64_t key) const {
    at::Tensor s =
        at::matmul(run_queries(q, run, query), run_keys(k, run, key).transpose(1, 2)) * scale();
    return rule_.softcap ? ops::softcap_(s, *rule_.softcap) : s;
  }

  // Returns the scores with minus infinity for keys that a query does not see.
  [[nodiscard]] at::Tensor masked(Run& run, const at::Tensor& scores) const {
    const auto [known, is_new] = run.seen.try_emplace({rule_.window, rule_.full});
    SeenKeys& seen = known->second;
    if (is_new) seen = seen_keys(plan_, rule_, run, q.device());
    if (seen.all) return scores;
    const at::Tensor key =
        at::arange(run.keys.rows.size(), q.options().dtype(at::kLong)).unsqueeze(0);
    return scores.masked_fill((key < seen.begin).bitwise_or(key >= seen.end),
                              -std::numeric_limits<double>::infinity());
  }

  [[nodiscard]] bool causal() const { return part_.own && !rule_.full; }
  [[nodiscard]] double scale() const { return shape_.scale(rule_); }
  [[nodiscard]] const std::optional<double>& softcap() const { return rule_.softcap; }
  // [rows, heads, head_dim] -> [heads, run's rows, head_dim], accumulate type.
  [[nodiscard]] static at::Tensor run_queries(const at::Tensor& x, const Run& run,
                                              std::int64_t first) {
    return x.narrow(0, first, run.queries.size())
        .transpose(0, 1)
        .to(ops::accumulate_type(x.scalar_type()));
  }
  // The same for keys or values, with every key/value head repeated for its group of query heads.
  [[nodiscard]] at::Tensor run_keys(const at::Tensor& x, const Run& run, std::int64_t first) const {
    return x.narrow(0, first, run.keys.rows.size())
        .transpose(0, 1)
        .to(ops::accumulate_type(x.scalar_type()))
        .repeat_interleave(shape_.heads / shape_.kv_heads, 0);
  }
  // Sums over each group: [heads, rows, head_dim] -> [rows, kv_heads, head_dim].
  [[nodiscard]] at::Tensor sum_groups(const at::Tensor& x) const {
    return x.unflatten(0, {shape_.kv_heads, shape_.heads / shape_.kv_heads}).sum(1).transpose(0, 1);
  }

 private:
  const AttentionPlan& plan_;
  Part& part_;
  AttentionShape shape_;
  AttentionRule rule_;

 public:
  at::Tensor q, k, v;
};

struct PartResult {
  at::Tensor output;  // [queries, heads, head_dim]
  at::Tensor lse;     // [queries, heads], accumulate type
};

PartResult forward_plain(const PartTensors& t) {
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> lses;
  t.for_each_run([&](Run& run, std::int64_t query, std::int64_t key) {
    const at::Tensor s = t.masked(run, t.scores(run, query, key));
    const at::Tensor lse = at::logsumexp(s, -1, /*keepdim=*/true);
    // A query that sees no key of this part has minus infinity, and weights of 0.
    const at::Tensor finite = lse.clamp_min(std::numeric_limits<float>::lowest());
    outputs.push_back(at::matmul((s - finite).exp_(), t.run_keys(t.v, run, key)).transpose(0, 1));
    lses.push_back(lse.squeeze(-1).t());
  });
  return {at::cat(outputs, 0), at::cat(lses, 0)};
}

FlashCall flash_call(const PartTensors& t) {
  const auto [queries, keys] = t.longest();
  return {t.q, t.k, t.v, t.query_ends(), t.key_ends(), queries, keys, t.causal(), t.scale()};
}

PartResult forward_flash(const PartTensors& t) {
  const FlashResult found = cuda_flash_forward(flash_call(t));
  return {found.output, found.lse.t()};  // [heads, queries] -> [queries, heads]
}

struct PartGradients {
  at::Tensor q, k, v;  // [rows, heads or kv_heads, head_dim]
};

PartGradients backward_plain(const PartTensors& t, const at::Tensor& grad, const at::Tensor& lse,
                             const at::Tensor& delta) {
  std::vector<at::Tensor> dq, dk, dv;
  t.for_each_run([&](Run& run, std::int64_t query, std::int64_t key) {
    const auto column = [&](const at::Tensor& x) {
      return x.narrow(0, query, run.queries.size()).t().unsqueeze(-1);
    };
    const at::Tensor s = t.scores(run, query, key);
    const at::Tensor p = (t.masked(run, s) - column(lse)).exp_();
    const at::Tensor g = t.run_queries(grad, run, query);
    const at::Tensor dp = at::matmul(g, t.run_keys(t.v, run, key).transpose(1, 2));
    at::Tensor ds = p * (dp - column(delta)) * t.scale();
    if (t.softcap()) ds.mul_(ops::softcap_slope(s, *t.softcap()));
    dq.push_back(at::matmul(ds, t.run_keys(t.k, run, key)).transpose(0, 1));
    dk.push_back(t.sum_groups(at::matmul(ds.transpose(1, 2), t.run_queries(t.q, run, query))));
    dv.push_back(t.sum_groups(at::matmul(p.transpose(1, 2), g)));
  });
  return {at::cat(dq, 0), at::cat(dk, 0), at::cat(dv, 0)};
}

PartGradients backward_flash(const PartTensors& t, const at::Tensor& grad, const at::Tensor& output,
                             const at::Tensor& lse) {
  const FlashGradients found = cuda_flash_backward(flash_call(t), grad.contiguous(),
                                                   {output.contiguous(), lse.t().contiguous()});
  return {found.queries, found.keys, found.values};
}

}  // namespace

AttentionResult attention_forward_parts(const AttentionPlan& plan, const AttentionShape& shape,
                                        const AttentionRule& rule, const at::Tensor& queries,
                                        const KeysValues& own, Stores residents) {
  const auto wide = queries.options().dtype(ops::accumulate_type(queries.scalar_type()));
  at::Tensor output = at::zeros({queries.size(0), shape.heads, shape.head_dim}, wide);
  at::Tensor lse =
      at::full({queries.size(0), shape.heads}, -std::numeric_limits<double>::infinity(), wide);
  for (Part& part : plan.parts(queries.device()).parts()) {
    if (part.runs.empty()) continue;
    const PartTensors t(plan, part, shape, rule, queries, own, residents);
    const PartResult found = t.can_flash() ? forward_flash(t) : forward_plain(t);
    t.for_each_run([&](const Run& run, std::int64_t first, std::int64_t) {
      const std::int64_t count = run.queries.size();
      at::Tensor sum = output.narrow(0, run.queries.begin, count);
      at::Tensor sum_lse = lse.narrow(0, run.queries.begin, count);
      const at::Tensor part_lse = found.lse.narrow(0, first, count);
      const at::Tensor merged = at::logaddexp(sum_lse, part_lse);
      sum.mul_((sum_lse - merged).exp_().unsqueeze(-1));
      sum.add_(found.output.narrow(0, first, count) * (part_lse - merged).exp_().unsqueeze(-1));
      sum_lse.copy_(merged);
    });
  }
  return {output.flatten(1).to(queries.scalar_type()), lse};
}

void attention_backward_parts(const AttentionPlan& plan, const AttentionShape& shape,
                              const AttentionRule& rule, const at::Tensor& queries,
                              const KeysValues& own, Stores residents,
                              const AttentionResult& result, const at::Tensor& grad,
                              at::Tensor grad_queries, const KeysValues& grad_own,
                              Stores grad_residents) {
  const auto wide = [](const at::Tensor& x) { return x.to(ops::accumulate_type(x.scalar_type())); };
  const at::Tensor delta = by_head(wide(grad) * wide(result.output), shape.heads).sum(-1);
  grad_queries.zero_();
  for (Part& part : plan.parts(queries.device()).parts()) {
    if (part.runs.empty()) continue;
    const PartTensors t(plan, part, shape, rule, queries, own, residents);
    const at::Tensor g = by_head(t.of_queries(grad), shape.heads);
    const at::Tensor lse = t.of_queries(result.lse);
    const PartGradients found =
        t.can_flash() ? backward_flash(t, g, by_head(t.of_queries(result.output), shape.heads), lse)
                      : backward_plain(t, g, lse, t.of_queries(delta));
    t.for_each_run([&](const Run& run, std::int64_t first_query, std::int64_t first_key) {
      grad_queries.narrow(0, run.queries.begin, run.queries.size())
          .add_(found.q.narrow(0, first_query, run.queries.size()).flatten(1));
      const KeysValues& to =
          run.keys.store == KeySpan::kOwn ? grad_own : grad_residents[run.keys.store];
      if (!to.keys.defined()) return;
      const std::int64_t count = run.keys.rows.size();
      to.keys.narrow(0, run.keys.rows.begin, count)
          .add_(found.k.narrow(0, first_key, count).flatten(1));
      to.values.narrow(0, run.keys.rows.begin, count)
          .add_(found.v.narrow(0, first_key, count).flatten(1));
    });
  }
}

}  // namespace incipit::nn
