#include "nn/attention_flash.h"

#include <ATen/ops/empty.h>

#include "core/check.h"
#include "nn/attention_backends.h"
#include "nn/flash_plan.h"
#include "nn/flops.h"

namespace incipit::nn {
namespace {

using kernels::cuda::GatherColumns;
using kernels::cuda::GatherRows;
using kernels::cuda::kMaxParts;
using kernels::cuda::kMaxStores;
using kernels::cuda::Merge;
using kernels::cuda::SumGradients;

// The tensors of one layer's attention, and the rows of them that a part needs.
class PartRows {
 public:
  PartRows(const DevicePath& path, const AttentionShape& shape, const KeysValues& own,
           Stores residents)
      : path_(path), shape_(shape) {
    sources_.push_back(own);
    sources_.insert(sources_.end(), residents.begin(), residents.end());
  }

  // Returns the part's rows of tensors that have a row for each query, with one launch at most.
  [[nodiscard]] std::vector<at::Tensor> queries(const FlashPlan::Part& part,
                                                const std::vector<at::Tensor>& all) const {
    std::vector<at::Tensor> rows;
    if (part.queries_are_range) {
      for (const at::Tensor& x : all) rows.push_back(x.narrow(0, part.first_query, part.queries));
      return rows;
    }
    GatherRows gather{.rows = part.queries, .columns = 0, .row = ints_of(part.query_index)};
    for (const at::Tensor& x : all) {
      rows.push_back(at::empty({part.queries, x.size(1)}, x.options()));
      GatherRows::Column& column = gather.column[gather.columns++];
      column.sources[0] = input_of(x);
      column.width = x.size(1);
      column.to = output_of(rows.back());
    }
    launch(path_, all.front(), path_.kernels->gather_rows, gather);
    return rows;
  }

  [[nodiscard]] KeysValues keys(const FlashPlan::Part& part) const {
    if (part.keys_are_range) {
      const KeysValues& from = sources_[part.first_store + 1];
      return {from.keys.narrow(0, part.first_key, part.keys),
              from.values.narrow(0, part.first_key, part.keys)};
    }
    const std::int64_t width = shape_.kv_heads * shape_.head_dim;
    const at::Tensor both = at::empty({2, part.keys, width}, sources_.front().keys.options());
    const KeysValues rows{both.select(0, 0), both.select(0, 1)};
    GatherRows gather{.rows = part.keys,
                      .columns = 2,
                      .store = ints_of(part.key_store),
                      .row = ints_of(part.key_row)};
    for (std::size_t s = 0; s < sources_.size(); ++s) {
      if (!sources_[s].keys.defined()) continue;
      gather.column[0].sources[s] = input_of(sources_[s].keys);
      gather.column[1].sources[s] = input_of(sources_[s].values);
    }
    gather.column[0].width = gather.column[1].width = width;
    gather.column[0].to = output_of(rows.keys);
    gather.column[1].to = output_of(rows.values);
    launch(path_, both, path_.kernels->gather_rows, gather);
    return rows;
  }

  // Returns the log-sum-exp of the part's queries, contiguous. `all` [heads, queries].
  [[nodiscard]] at::Tensor lse(const FlashPlan::Part& part, const at::Tensor& all) const {
    if (part.queries == all.size(1)) return all;
    const at::Tensor rows = at::empty({all.size(0), part.queries}, all.options());
    launch(path_, all, path_.kernels->gather_columns,
           GatherColumns{all.size(0), all.size(1), part.queries, all.const_data_ptr<float>(),
                         ints_of(part.query_index), rows.mutable_data_ptr<float>()});
    return rows;
  }

  [[nodiscard]] FlashCall call(const FlashPlan::Part& part, const AttentionRule& rule,
                               const at::Tensor& queries) const {
    const KeysValues keys = this->keys(part);
    return {by_head(queries, shape_.heads),
            by_head(keys.keys, shape_.kv_heads),
            by_head(keys.values, shape_.kv_heads),
            part.query_ends,
            part.key_ends,
            part.longest_queries,
            part.longest_keys,
            part.own && !rule.full,
            shape_.scale(rule)};
  }

 private:
  const DevicePath& path_;
  AttentionShape shape_;
  std::vector<KeysValues> sources_;  // this forest's, then the stores'
};

// Whether libtorch's flash attention computes this.
bool takes_flash(const DevicePath& path, const AttentionPlan& plan, const AttentionShape& shape,
                 const AttentionRule& rule, at::ScalarType type) {
  return path.has_flash(type, shape.head_dim) && !rule.softcap && !plan.is_cut_by(rule);
}

DenseCall dense_call(const FlashPlan::Part& part, const AttentionRule& rule, FlashCall call) {
  return {std::move(call),   rule.softcap.value_or(0), rule.window.value_or(0), part.query_position,
          part.key_position, part.query_tiles,         part.key_tiles};
}

// A section that sums the gradients `found` of all parts over rows [0, sums' rows).
SumGradients::Section section_of(const PartSums& sums, std::int64_t heads,
                                 const std::vector<at::Tensor>& found, const at::Tensor& later,
                                 const at::Tensor& to) {
  SumGradients::Section section{.heads = heads,
                                .first = ints_of(sums.first),
                                .part = ints_of(sums.part),
                                .place = ints_of(sums.place)};
  for (std::size_t p = 0; p < found.size(); ++p) section.sources[p] = input_of(found[p]);
  if (later.defined()) section.later = input_of(later);
  section.to = output_of(to);
  return section;
}

// What the calls found, by part: [rows, heads * head_dim].
struct FoundGradients {
  std::vector<at::Tensor> queries, keys, values;
};

void add_to_stores(const DevicePath& path, const FlashPlan& plan, const AttentionShape& shape,
                   const FoundGradients& found, Stores gradients) {
  for (int s = 0; s < plan.stores(); ++s) {
    const PartSums& sums = plan.of_store(s);
    if (!gradients[s].keys.defined()) continue;
    INCIPIT_CHECK(plan.sums_stores(), "gradients of resident rows below a padded forest");
    if (sums.rows.empty()) continue;
    SumGradients sum{
        .rows = sums.rows.size(), .head_dim = shape.head_dim, .sections = 2, .wide = true};
    const at::Tensor keys = gradients[s].keys.narrow(0, sums.rows.begin, sums.rows.size());
    const at::Tensor values = gradients[s].values.narrow(0, sums.rows.begin, sums.rows.size());
    sum.section[0] = section_of(sums, shape.kv_heads, found.keys, keys, keys);
    sum.section[1] = section_of(sums, shape.kv_heads, found.values, values, values);
    launch(path, found.keys.front(), path.kernels->sum_gradients, sum);
  }
}

}  // namespace

bool has_attention_kernels(const AttentionPlan& plan, const AttentionShape& shape,
                           const AttentionRule& rule, const at::Tensor& queries) {
  const DevicePath* const path = device_path(queries);
  if (path == nullptr || !plan.is_self_attention() || shape.head_dim % 2 != 0) return false;
  const FlashPlan& flash = plan.flash_plan(queries.device(), rule.full);
  return std::ssize(flash.parts()) <= kMaxParts && flash.stores() < kMaxStores;
}

AttentionResult attention_forward_flash(const AttentionPlan& plan, const AttentionShape& shape,
                                        const AttentionRule& rule, const at::Tensor& queries,
                                        const KeysValues& own, Stores residents) {
  const DevicePath& path = *device_path(queries);
  const FlashPlan& flash = plan.flash_plan(queries.device(), rule.full);
  const PartRows rows(path, shape, own, residents);
  const std::int64_t count = queries.size(0);
  const bool is_flash = takes_flash(path, plan, shape, rule, queries.scalar_type());
  std::vector<FlashResult> found;
  for (const FlashPlan::Part& part : flash.parts()) {
    FlashCall call = rows.call(part, rule, rows.queries(part, {queries}).front());
    found.push_back(is_flash ? path.flash_forward(call)
                             : dense_forward(path, dense_call(part, rule, std::move(call))));
  }
  if (found.size() == 1) return {found.front().output.flatten(1), found.front().lse.t()};
  AttentionResult merged{at::empty({count, shape.heads * shape.head_dim}, queries.options()),
                         at::empty({shape.heads, count}, queries.options().dtype(at::kFloat)).t()};
  Merge merge{.queries = count,
              .heads = shape.heads,
              .head_dim = shape.head_dim,
              .parts = static_cast<int>(found.size())};
  for (std::size_t p = 0; p < found.size(); ++p) {
    const FlashPlan::Part& part = flash.parts()[p];
    merge.part[p] = {input_of(found[p].output), found[p].lse.const_data_ptr<float>(), part.queries,
                     ints_of(part.place)};
  }
  merge.output = output_of(merged.output);
  merge.lse = merged.lse.mutable_data_ptr<float>();
  launch(path, queries, path.kernels->merge, merge);
  return merged;
}

at::Tensor attention_backward_flash(const AttentionPlan& plan, const AttentionShape& shape,
                                    const AttentionRule& rule, const at::Tensor& queries,
                                    const KeysValues& own, Stores residents,
                                    const AttentionResult& result, const at::Tensor& grad,
                                    const KeysValues& later, Stores grad_residents,
                                    const AppliedRotation& rotation) {
  // The gradients of the output's weights, queries, keys and values.
  count_flops(8.0 * static_cast<double>(shape.heads * shape.head_dim) * plan.pairs(rule));
  const DevicePath& path = *device_path(queries);
  const FlashPlan& flash = plan.flash_plan(queries.device(), rule.full);
  const PartRows rows(path, shape, own, residents);
  const bool is_flash = takes_flash(path, plan, shape, rule, queries.scalar_type());
  FoundGradients found;
  for (const FlashPlan::Part& part : flash.parts()) {
    const std::vector<at::Tensor> of_part = rows.queries(part, {queries, grad, result.output});
    FlashCall call = rows.call(part, rule, of_part[0]);
    const at::Tensor part_grad = by_head(of_part[1], shape.heads);
    const FlashResult merged{by_head(of_part[2], shape.heads), rows.lse(part, result.lse.t())};
    const FlashGradients gradients =
        is_flash ? path.flash_backward(call, part_grad, merged)
                 : dense_backward(path, dense_call(part, rule, std::move(call)), part_grad, merged);
    found.queries.push_back(gradients.queries.flatten(1));
    found.keys.push_back(gradients.keys.flatten(1));
    found.values.push_back(gradients.values.flatten(1));
  }
  const std::int64_t q_width = shape.heads * shape.head_dim;
  const std::int64_t kv_width = shape.kv_heads * shape.head_dim;
  at::Tensor all = at::empty({plan.row_count(), q_width + 2 * kv_width}, queries.options());
  SumGradients sum{.rows = plan.row_count(), .head_dim = shape.head_dim, .sections = 3};
  sum.section[0] =
      section_of(flash.of_queries(), shape.heads, found.queries, {}, all.narrow(1, 0, q_width));
  sum.section[1] = section_of(flash.of_keys(), shape.kv_heads, found.keys, later.keys,
                              all.narrow(1, q_width, kv_width));
  sum.section[2] = section_of(flash.of_keys(), shape.kv_heads, found.values, later.values,
                              all.narrow(1, q_width + kv_width, kv_width));
  if (rotation.table != nullptr) {
    sum.section[0].rotates = sum.section[1].rotates = true;
    sum.rotation = {ints_of(rotation.positions), rotation.table->cos.const_data_ptr<float>(),
                    rotation.table->sin.const_data_ptr<float>(), -1};
  }
  launch(path, all, path.kernels->sum_gradients, sum);
  add_to_stores(path, flash, shape, found, grad_residents);
  return all;
}

}  // namespace incipit::nn
