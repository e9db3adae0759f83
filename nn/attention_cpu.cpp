// Attention on the CPU: blocks of queries against the key rows that they see, one key/value head at
// a time, with the queries of all heads of a group stacked into one matrix. Matmuls use the BLAS
// inside libtorch, in accumulate-type arithmetic for every storage type.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/check.h"
#include "kernels/cpu/blas.h"
#include "kernels/cpu/kernels.h"
#include "nn/attention_backends.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

using kernels::cpu::gemm_nn;
using kernels::cpu::gemm_nt;
using kernels::cpu::gemm_tn;

template <typename A>
struct Rows {
  A* data = nullptr;
  std::int64_t stride = 0;
  [[nodiscard]] A* at(std::int64_t row) const { return data + row * stride; }
};

template <typename A>
Rows<A> rows_of(const at::Tensor& x) {
  if (!x.defined()) return {};
  INCIPIT_CHECK(x.size(1) == 1 || x.stride(1) == 1);
  return {static_cast<A*>(x.data_ptr()), x.stride(0)};
}

template <typename A>
struct KeyValueRows {
  Rows<A> keys;
  Rows<A> values;
};

template <typename A>
KeyValueRows<A> rows_of(const KeysValues& both) {
  return {rows_of<A>(both.keys), rows_of<A>(both.values)};
}

at::Tensor wide(const at::Tensor& x) {
  return x.defined() ? x.to(ops::accumulate_type(x.scalar_type())) : x;
}

KeysValues wide(const KeysValues& both) { return {wide(both.keys), wide(both.values)}; }

std::vector<KeysValues> wide(Stores stores) {
  std::vector<KeysValues> all;
  for (const KeysValues& store : stores) all.push_back(wide(store));
  return all;
}

// Keys and values of this forest and of every store.
template <typename A>
class AllRows {
 public:
  AllRows() = default;
  AllRows(const KeysValues& own, Stores stores) : rows_{rows_of<A>(own)} {
    for (const KeysValues& store : stores) rows_.push_back(rows_of<A>(store));
  }
  [[nodiscard]] const KeyValueRows<A>& of(int store) const {
    return rows_[static_cast<std::size_t>(store - KeySpan::kOwn)];
  }

 private:
  std::vector<KeyValueRows<A>> rows_;
};

// One thread's workspace. It grows to the size of the largest block.
template <typename A>
struct Workspace {
  std::vector<A> queries, grads, scores, grad_scores, result, lse, delta;
  std::vector<std::int64_t> first_key, end_key;  // of every row, among the columns

  void fit(std::int64_t rows, std::int64_t head_dim, std::int64_t keys, bool backward) {
    const auto grow = [](auto& values, std::int64_t count) {
      if (static_cast<std::int64_t>(values.size()) < count) values.resize(count);
    };
    grow(queries, rows * head_dim);
    grow(result, rows * head_dim);
    grow(scores, rows * keys);
    grow(lse, rows);
    grow(delta, rows);
    grow(first_key, rows);
    grow(end_key, rows);
    if (!backward) return;
    grow(grads, rows * head_dim);
    grow(grad_scores, rows * keys);
  }
};

// Data and steps shared by forward and backward: shapes, plan and key rows.
template <typename A>
class Attention {
 public:
  Attention(const AttentionPlan& plan, const AttentionShape& shape, const AttentionRule& rule,
            const at::Tensor& queries, const KeysValues& own, Stores residents)
      : plan_(plan),
        shape_(shape),
        rule_(rule),
        group_(shape.heads / shape.kv_heads),
        scale_(static_cast<A>(shape.scale(rule))),
        cap_(static_cast<A>(rule.softcap.value_or(0))),
        queries_(rows_of<A>(queries)),
        rows_(own, residents) {}

  void forward(Rows<A> output, Rows<A> lse) const {
    const auto tasks = static_cast<std::int64_t>(plan_.blocks().size()) * shape_.kv_heads;
#pragma omp parallel num_threads(at::get_num_threads())
    {
      Workspace<A> work;
#pragma omp for schedule(dynamic)
      for (std::int64_t task = 0; task < tasks; ++task) {
        forward_block(plan_.blocks()[task / shape_.kv_heads], task % shape_.kv_heads, work, output,
                      lse);
      }
    }
  }

  // delta [queries, heads]: sums of grad * output over head_dim.
  void backward(Rows<A> grad, Rows<A> lse, Rows<A> delta, Rows<A> grad_queries,
                const AllRows<A>& grad_rows, std::size_t block_begin, std::size_t block_end,
                std::int64_t kv_head, Workspace<A>& work) const {
    for (std::size_t b = block_begin; b < block_end; ++b) {
      backward_block(plan_.blocks()[b], kv_head, work, grad, lse, delta, grad_queries, grad_rows);
    }
  }

 private:
  using Block = AttentionPlan::Block;

  // Copies one head group's rows of a block into a dense [queries * group, head_dim] matrix.
  void stack(Rows<A> from, const Block& block, std::int64_t kv_head, A* to) const {
    const std::int64_t width = group_ * shape_.head_dim;
    for (std::int64_t q = block.begin; q < block.end; ++q, to += width) {
      std::copy_n(from.at(q) + kv_head * width, width, to);
    }
  }

  void stack_heads(Rows<A> from, const Block& block, std::int64_t kv_head, A* to) const {
    for (std::int64_t q = block.begin; q < block.end; ++q, to += group_) {
      std::copy_n(from.at(q) + kv_head * group_, group_, to);
    }
  }

  // Returns the positions of the keys that some query of a block sees. They are the columns of its
  // scores.
  [[nodiscard]] Range keys_of(const Block& block) const { return plan_.seen_keys(block, rule_); }

  // Calls f(first row of keys and values, their number, column of the first, their store), in order
  // of the columns.
  template <typename F>
  void for_each_span(const Block& block, F&& f) const {
    const Range keys = keys_of(block);
    std::int64_t position = 0;
    const auto visit = [&](const Range& rows, int store) {
      const Range seen{std::max(keys.begin, position), std::min(keys.end, position + rows.size())};
      if (seen.size() > 0) {
        f(rows.begin + seen.begin - position, seen.size(), seen.begin - keys.begin, store);
      }
      position += rows.size();
    };
    for (const KeySpan& span : block.segment->ancestors) visit(span.rows, span.store);
    visit(block.segment->own_keys, KeySpan::kOwn);
  }

  // Resizes the workspace, stacks the queries and computes the scores. Returns the number of
  // columns.
  std::int64_t scores(const Block& block, std::int64_t kv_head, Workspace<A>& work,
                      bool backward) const {
    const std::int64_t rows = (block.end - block.begin) * group_;
    const Range all = keys_of(block);
    const std::int64_t keys = all.size();
    work.fit(rows, shape_.head_dim, keys, backward);
    for (std::int64_t row = 0; row < rows; ++row) {
      const Range seen = plan_.seen_keys(block.begin + row / group_, rule_);
      work.first_key[row] = seen.begin - all.begin;
      work.end_key[row] = seen.end - all.begin;
    }
    stack(queries_, block, kv_head, work.queries.data());
    for_each_span(block,
                  [&](std::int64_t first, std::int64_t count, std::int64_t column, int store) {
                    const Rows<A> k = rows_.of(store).keys;
                    gemm_nt<A>(rows, count, shape_.head_dim, scale_, work.queries.data(),
                               shape_.head_dim, k.at(first) + kv_head * shape_.head_dim, k.stride,
                               A(0), work.scores.data() + column, keys);
                  });
    if (rule_.softcap) {
      kernels::cpu::attention_kernels<A>().softcap(work.scores.data(), rows * keys, cap_);
    }
    return keys;
  }

  void forward_block(const Block& block, std::int64_t kv_head, Workspace<A>& work, Rows<A> output,
                     Rows<A> lse) const {
    const std::int64_t head_dim = shape_.head_dim;
    const std::int64_t rows = (block.end - block.begin) * group_;
    const std::int64_t keys = scores(block, kv_head, work, false);
    A* inverse = work.delta.data();
    kernels::cpu::attention_kernels<A>().softmax(work.scores.data(), rows, keys, keys,
                                                 work.first_key.data(), work.end_key.data(),
                                                 work.lse.data(), inverse);
    for_each_span(block,
                  [&](std::int64_t first, std::int64_t count, std::int64_t column, int store) {
                    const Rows<A> v = rows_.of(store).values;
                    gemm_nn<A>(rows, head_dim, count, A(1), work.scores.data() + column, keys,
                               v.at(first) + kv_head * head_dim, v.stride,
                               column == 0 ? A(0) : A(1), work.result.data(), head_dim);
                  });
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t query = block.begin + row / group_;
      const std::int64_t head = kv_head * group_ + row % group_;
      A* out = output.at(query) + head * head_dim;
      const A* result = work.result.data() + row * head_dim;
      for (std::int64_t i = 0; i < head_dim; ++i) out[i] = result[i] * inverse[row];
      lse.at(query)[head] = work.lse[row];
    }
  }

  void backward_block(const Block& block, std::int64_t kv_head, Workspace<A>& work, Rows<A> grad,
                      Rows<A> lse, Rows<A> delta, Rows<A> grad_queries,
                      const AllRows<A>& grad_rows) const {
    const std::int64_t head_dim = shape_.head_dim;
    const std::int64_t rows = (block.end - block.begin) * group_;
    const std::int64_t keys = scores(block, kv_head, work, true);
    stack(grad, block, kv_head, work.grads.data());
    stack_heads(lse, block, kv_head, work.lse.data());
    stack_heads(delta, block, kv_head, work.delta.data());
    for_each_span(block,
                  [&](std::int64_t first, std::int64_t count, std::int64_t column, int store) {
                    const Rows<A> v = rows_.of(store).values;
                    gemm_nt<A>(rows, count, head_dim, A(1), work.grads.data(), head_dim,
                               v.at(first) + kv_head * head_dim, v.stride, A(0),
                               work.grad_scores.data() + column, keys);
                  });
    kernels::cpu::attention_kernels<A>().softmax_backward(
        work.scores.data(), work.grad_scores.data(), rows, keys, keys, work.first_key.data(),
        work.end_key.data(), work.lse.data(), work.delta.data(), scale_, cap_);
    for_each_span(block, [&](std::int64_t first, std::int64_t count, std::int64_t column,
                             int store) {
      const std::int64_t offset = kv_head * head_dim;
      const Rows<A> k = rows_.of(store).keys;
      gemm_nn<A>(rows, head_dim, count, A(1), work.grad_scores.data() + column, keys,
                 k.at(first) + offset, k.stride, column == 0 ? A(0) : A(1), work.result.data(),
                 head_dim);
      const KeyValueRows<A>& to = grad_rows.of(store);
      if (to.keys.data == nullptr) return;
      gemm_tn<A>(count, head_dim, rows, A(1), work.grad_scores.data() + column, keys,
                 work.queries.data(), head_dim, A(1), to.keys.at(first) + offset, to.keys.stride);
      gemm_tn<A>(count, head_dim, rows, A(1), work.scores.data() + column, keys, work.grads.data(),
                 head_dim, A(1), to.values.at(first) + offset, to.values.stride);
    });
    const std::int64_t width = group_ * head_dim;
    for (std::int64_t q = block.begin; q < block.end; ++q) {
      std::copy_n(work.result.data() + (q - block.begin) * width, width,
                  grad_queries.at(q) + kv_head * width);
    }
  }

  const AttentionPlan& plan_;
  AttentionShape shape_;
  AttentionRule rule_;
  std::int64_t group_;
  A scale_;
  A cap_;  // 0: no softcap
  Rows<A> queries_;
  AllRows<A> rows_;
};

// Divides the blocks into `parts` consecutive runs of about equal work.
std::vector<std::size_t> cut_blocks(const AttentionPlan& plan, const AttentionRule& rule,
                                    std::int64_t parts) {
  const auto work = [&](const AttentionPlan::Block& block) {
    return (block.end - block.begin) * plan.seen_keys(block, rule).size();
  };
  std::int64_t total = 0;
  for (const auto& block : plan.blocks()) total += work(block);
  std::vector<std::size_t> ends;
  std::int64_t done = 0;
  for (std::size_t b = 0; b < plan.blocks().size(); ++b) {
    done += work(plan.blocks()[b]);
    while (static_cast<std::int64_t>(ends.size()) + 1 < parts &&
           done * parts >= total * static_cast<std::int64_t>(ends.size() + 1)) {
      ends.push_back(b + 1);
    }
  }
  ends.resize(parts, plan.blocks().size());
  return ends;
}

// Returns the number of parts into which queries are divided: as few as keep the threads equally
// busy. Key gradients of a head are summed over queries, so each part needs its own copy of them.
std::int64_t query_parts(std::int64_t kv_heads, std::int64_t threads) {
  std::int64_t parts = 1;
  while ((kv_heads * parts) % threads != 0 && kv_heads * parts < 4 * threads) ++parts;
  return parts;
}

// Zeroed copies of gradient tensors, for the parts after the first.
struct GradientCopies {
  GradientCopies(const KeysValues& like, std::int64_t parts) : first(like) {
    if (parts == 1 || !like.keys.defined()) return;
    const auto zeros = [&](const at::Tensor& x) {
      return at::zeros({parts - 1, x.size(0), x.size(1)}, x.options());
    };
    others = {zeros(like.keys), zeros(like.values)};
  }
  [[nodiscard]] KeysValues of(std::int64_t part) const {
    if (part == 0 || !others.keys.defined()) return first;
    return {others.keys[part - 1], others.values[part - 1]};
  }
  // Adds the copies to the gradient.
  void collect() const {
    if (!others.keys.defined()) return;
    const auto add = [](at::Tensor into, const at::Tensor& copies) {
      into.add_(copies.size(0) == 1 ? copies[0] : copies.sum(0));
    };
    add(first.keys, others.keys);
    add(first.values, others.values);
  }
  KeysValues first, others;
};

template <typename A>
void run_backward(const AttentionPlan& plan, const AttentionShape& shape, const AttentionRule& rule,
                  const at::Tensor& queries, const KeysValues& own, Stores residents,
                  const at::Tensor& lse, const at::Tensor& grad, const at::Tensor& delta,
                  const at::Tensor& grad_queries, const KeysValues& grad_own,
                  Stores grad_residents) {
  const Attention<A> attention(plan, shape, rule, queries, own, residents);
  const std::int64_t parts = query_parts(shape.kv_heads, at::get_num_threads());
  const std::vector<std::size_t> ends = cut_blocks(plan, rule, parts);
  const GradientCopies own_copies(grad_own, parts);
  std::vector<GradientCopies> store_copies;
  for (const KeysValues& store : grad_residents) store_copies.emplace_back(store, parts);
  std::vector<AllRows<A>> grad_rows;
  for (std::int64_t part = 0; part < parts; ++part) {
    std::vector<KeysValues> stores;
    for (const GradientCopies& copies : store_copies) stores.push_back(copies.of(part));
    grad_rows.emplace_back(own_copies.of(part), stores);
  }
  // Tensors without data have none to compute.
  const std::int64_t tasks = queries.is_meta() ? 0 : parts * shape.kv_heads;
#pragma omp parallel num_threads(at::get_num_threads())
  {
    Workspace<A> work;
#pragma omp for schedule(static)
    for (std::int64_t task = 0; task < tasks; ++task) {
      const std::int64_t part = task / shape.kv_heads;
      attention.backward(rows_of<A>(grad), rows_of<A>(lse), rows_of<A>(delta),
                         rows_of<A>(grad_queries), grad_rows[part], part == 0 ? 0 : ends[part - 1],
                         ends[part], task % shape.kv_heads, work);
    }
  }
  own_copies.collect();
  for (const GradientCopies& copies : store_copies) copies.collect();
}

}  // namespace

AttentionResult attention_forward_cpu(const AttentionPlan& plan, const AttentionShape& shape,
                                      const AttentionRule& rule, const at::Tensor& queries,
                                      const KeysValues& own, Stores residents) {
  const at::Tensor q = wide(queries);
  const KeysValues kv = wide(own);
  const std::vector<KeysValues> resident_kv = wide(residents);
  AttentionResult result{at::empty({q.size(0), q.size(1)}, q.options()),
                         at::empty({q.size(0), shape.heads}, q.options())};
  const auto run = [&](auto zero) {
    using A = decltype(zero);
    if (q.is_meta()) return;
    Attention<A>(plan, shape, rule, q, kv, resident_kv)
        .forward(rows_of<A>(result.output), rows_of<A>(result.lse));
  };
  q.scalar_type() == at::kDouble ? run(double{}) : run(float{});
  result.output = result.output.to(queries.scalar_type());
  return result;
}

void attention_backward_cpu(const AttentionPlan& plan, const AttentionShape& shape,
                            const AttentionRule& rule, const at::Tensor& queries,
                            const KeysValues& own, Stores residents, const AttentionResult& result,
                            const at::Tensor& grad, at::Tensor grad_queries,
                            const KeysValues& grad_own, Stores grad_residents) {
  const at::Tensor wide_grad = wide(grad);
  const at::Tensor delta =
      (wide_grad * wide(result.output)).view({grad.size(0), shape.heads, shape.head_dim}).sum(-1);
  const auto run = [&](auto zero) {
    run_backward<decltype(zero)>(plan, shape, rule, wide(queries), wide(own), wide(residents),
                                 result.lse, wide_grad, delta, grad_queries, grad_own,
                                 grad_residents);
  };
  wide_grad.scalar_type() == at::kDouble ? run(double{}) : run(float{});
}

}  // namespace incipit::nn
