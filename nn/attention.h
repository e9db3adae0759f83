// Attention over a forest: every query attends to the rows of its segment's ancestors and
// causally to its own segment.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"

namespace incipit::nn {

// Key rows that all queries of a segment see, in this forest or in a store of resident rows.
struct KeySpan {
  static constexpr int kOwn = -1;
  Range rows;
  int store = kOwn;  // kOwn: this forest
};

// The keys that each query sees, computed once per forest and used in every layer.
class AttentionPlan {
 public:
  // Queries at every row.
  explicit AttentionPlan(const Forest& forest);
  // Queries only at `query_rows`, which are ascending.
  AttentionPlan(const Forest& forest, std::vector<std::int64_t> query_rows);
  // Blocks point into the plan, so it can be moved but not copied.
  AttentionPlan(AttentionPlan&&) = default;
  AttentionPlan& operator=(AttentionPlan&&) = default;
  AttentionPlan(const AttentionPlan&) = delete;
  AttentionPlan& operator=(const AttentionPlan&) = delete;

  struct Segment {
    Range rows;
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
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<Block>& blocks() const { return blocks_; }
  // Returns the number of keys that query `query` of `segment` sees.
  [[nodiscard]] std::int64_t visible_keys(const Segment& segment, std::int64_t query) const {
    return segment.ancestor_rows + query_rows_[query] - segment.rows.begin + 1;
  }

 private:
  void make_segments(const Forest& forest);
  void make_blocks();

  std::vector<Segment> segments_;  // computed segments with rows, ordered by row
  std::vector<std::int64_t> query_rows_;
  std::vector<Block> blocks_;
};

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};

// Keys and values [rows, kv_heads * head_dim]. Rows may be strided. Undefined if there are none.
struct KeysValues {
  at::Tensor keys;
  at::Tensor values;
};

// The keys and values of every store, by its number.
using Stores = std::span<const KeysValues>;

struct AttentionResult {
  at::Tensor output;  // [queries, heads * head_dim], dtype of the queries
  at::Tensor lse;     // [queries, heads], log of the sum of exponentials, accumulate type
};

// Returns softmax(q k^T / sqrt(head_dim)) v. queries: [queries, heads * head_dim], rows may be
// strided.
[[nodiscard]] AttentionResult attention_forward(const AttentionPlan& plan,
                                                const AttentionShape& shape,
                                                const at::Tensor& queries, const KeysValues& own,
                                                Stores residents);

// Computes the gradients of attention_forward() with result `result`, for `grad` = d loss / d
// output. Writes grad_queries [queries, heads * head_dim] and adds the gradients of keys and values
// to the given tensors. All of them have the accumulate type; rows may be strided. The tensors of a
// store in `grad_residents` are undefined if its rows need no gradient.
void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const at::Tensor& queries, const KeysValues& own, Stores residents,
                        const AttentionResult& result, const at::Tensor& grad,
                        at::Tensor grad_queries, const KeysValues& grad_own, Stores grad_residents);

}  // namespace incipit::nn
