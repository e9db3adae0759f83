// Attention over a forest: every query attends to the rows of its segment's ancestors, and causally
// or fully to its own segment.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/forest.h"
#include "nn/kinds.h"

namespace incipit::nn {

// Key rows on the path to a segment, in this forest or in a store of resident rows.
struct KeySpan {
  static constexpr int kOwn = -1;
  Range rows;
  int store = kOwn;  // kOwn: this forest
};

class AttentionParts;  // nn/attention_parts.cpp
class FlashPlan;       // nn/flash_plan.h

// The stack whose rows ask, and the one whose keys they see: another one in cross attention, where
// a query sees the rows of its segment's ancestors there.
struct PlanStacks {
  int queries = 0;
  int keys = 0;
};

// The keys on the path to each query, found once per forest and used in every layer. A layer's rule
// selects those that the query sees. Rows of queries and keys are counted within their stack.
class AttentionPlan {
 public:
  // Queries at every row.
  explicit AttentionPlan(const Forest& forest, const PlanStacks& stacks = {});
  // Queries only at `query_rows`, which are ascending.
  AttentionPlan(const Forest& forest, std::vector<std::int64_t> query_rows,
                const PlanStacks& stacks = {});
  // Blocks point into the plan, so it can be moved but not copied.
  AttentionPlan(AttentionPlan&&) = default;
  AttentionPlan& operator=(AttentionPlan&&) = default;
  AttentionPlan(const AttentionPlan&) = delete;
  AttentionPlan& operator=(const AttentionPlan&) = delete;

  struct Segment {
    Range rows;
    Range own_keys;                  // `rows`, or none in cross attention
    std::vector<KeySpan> ancestors;  // from the root down
    std::int64_t ancestor_rows = 0;
    Range queries;  // queries at rows of this segment
  };
  // Consecutive queries [begin, end) of one segment, which are computed together.
  struct Block {
    const Segment* segment = nullptr;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  [[nodiscard]] std::int64_t query_count() const {
    return static_cast<std::int64_t>(query_rows_.size());
  }
  [[nodiscard]] std::int64_t query_row(std::int64_t query) const { return query_rows_[query]; }
  // Returns the number of keys before the query's row on the path from the root.
  [[nodiscard]] std::int64_t query_position(std::int64_t query) const {
    return query_positions_[query];
  }
  // Returns the number of queries at padding rows, which are the last (core/padding.h).
  [[nodiscard]] std::int64_t padding_queries() const { return padding_queries_; }
  // Whether backward passes add gradients to rows of stores. Without, a padded forest has no sums
  // of them. Set before flash_plan().
  void set_trains_stores(bool trains) { trains_stores_ = trains; }
  [[nodiscard]] bool trains_stores() const { return trains_stores_; }
  // Whether queries and keys are of one stack, and its computed rows.
  [[nodiscard]] bool is_self_attention() const { return is_self_attention_; }
  [[nodiscard]] std::int64_t row_count() const { return row_count_; }
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<Block>& blocks() const { return blocks_; }
  // Returns the keys that a query sees, by their position along the path: a query and a key have
  // the position that is the number of keys before them on the path from the root.
  [[nodiscard]] Range seen_keys(std::int64_t query, const AttentionRule& rule) const {
    const std::int64_t position = query_positions_[query];
    const Range all{0, rule.full ? segment_ends_[query] : position + 1};
    if (!rule.window) return all;
    return {std::max(all.begin, position + 1 - *rule.window),
            std::min(all.end, position + *rule.window)};
  }
  // The same for any query of a block.
  [[nodiscard]] Range seen_keys(const Block& block, const AttentionRule& rule) const {
    return {seen_keys(block.begin, rule).begin, seen_keys(block.end - 1, rule).end};
  }
  // Returns the number of pairs of a query and a key that it sees.
  [[nodiscard]] double pairs(const AttentionRule& rule) const;
  // Whether the rule's window hides a key from a query.
  [[nodiscard]] bool is_cut_by(const AttentionRule& rule) const;
  // Returns the index tensors on a device, which all layers use. Made on first use. Main thread.
  [[nodiscard]] AttentionParts& parts(at::Device device) const;
  // The same for flash calls, of layers whose rule is full or is not.
  [[nodiscard]] const FlashPlan& flash_plan(at::Device device, bool full) const;

 private:
  void make_segments(const Forest& forest, const PlanStacks& stacks);
  void make_blocks();

  std::vector<Segment> segments_;  // computed segments with rows, ordered by row
  std::vector<std::int64_t> query_rows_;
  std::vector<std::int64_t> query_positions_;
  std::vector<std::int64_t> segment_ends_;  // by query: position after the last row of its segment
  std::vector<Block> blocks_;
  // Results of pairs(), by window and by whether the rule is full.
  mutable std::map<std::pair<std::optional<std::int64_t>, bool>, double> pairs_;
  mutable std::shared_ptr<AttentionParts> parts_;
  mutable std::array<std::shared_ptr<FlashPlan>, 2> flash_plans_;
  bool is_self_attention_ = true;
  std::int64_t row_count_ = 0;
  std::int64_t padding_queries_ = 0;
  bool trains_stores_ = false;
};

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  [[nodiscard]] double scale(const AttentionRule& rule) const {
    return rule.scale.value_or(1.0 / std::sqrt(static_cast<double>(head_dim)));
  }
};

// Keys and values [rows, kv_heads * head_dim]. Rows may be strided. Undefined if there are none.
struct KeysValues {
  at::Tensor keys;
  at::Tensor values;
};

// Sets a gradient of keys and values to `from`, or to 0 if that is undefined.
void start_gradients(const KeysValues& gradient, const KeysValues& from);

// The keys and values of every store, by its number.
using Stores = std::span<const KeysValues>;

struct AttentionResult {
  at::Tensor output;  // [queries, heads * head_dim], dtype of the queries
  at::Tensor lse;     // [queries, heads], log of the sum of exponentials, accumulate type
};

// Returns softmax(softcap(scale * q k^T)) v over the keys that each query sees by `rule`. queries:
// [queries, heads * head_dim], rows may be strided.
[[nodiscard]] AttentionResult attention_forward(const AttentionPlan& plan,
                                                const AttentionShape& shape,
                                                const AttentionRule& rule,
                                                const at::Tensor& queries, const KeysValues& own,
                                                Stores residents);

// Computes the gradients of attention_forward() with result `result`, for `grad` = d loss / d
// output. Writes grad_queries [queries, heads * head_dim] and adds the gradients of keys and values
// to the given tensors. All of them have the accumulate type; rows may be strided. The tensors of a
// store in `grad_residents` are undefined if its rows need no gradient.
void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const AttentionRule& rule, const at::Tensor& queries, const KeysValues& own,
                        Stores residents, const AttentionResult& result, const at::Tensor& grad,
                        at::Tensor grad_queries, const KeysValues& grad_own, Stores grad_residents);

}  // namespace incipit::nn
