// Attention over a forest: every query attends to the rows of its segment's ancestors and
// causally to its own segment.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/forest.h"

namespace incipit::model {

// Rows of keys that a whole segment sees: of this forest or of the resident store.
struct KeySpan {
  RowRange rows;
  bool resident = false;
};

// Who sees what, worked out once per forest and used in every layer.
class AttentionPlan {
 public:
  // Queries stand at every row.
  explicit AttentionPlan(const Forest& forest);
  // Queries stand only at `query_rows`, ascending.
  AttentionPlan(const Forest& forest, std::vector<std::int64_t> query_rows);
  // Blocks point into the plan, so it can be moved but not copied.
  AttentionPlan(AttentionPlan&&) = default;
  AttentionPlan& operator=(AttentionPlan&&) = default;
  AttentionPlan(const AttentionPlan&) = delete;
  AttentionPlan& operator=(const AttentionPlan&) = delete;

  struct Segment {
    RowRange rows;
    std::vector<KeySpan> ancestors;  // from the root down
    std::int64_t ancestor_rows = 0;
    RowRange queries;  // those that stand in this segment
  };
  // Consecutive queries [begin, end) of one segment: what is worked on at once.
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
  // Keys that query `query` of `segment` sees.
  [[nodiscard]] std::int64_t visible_keys(const Segment& segment, std::int64_t query) const {
    return segment.ancestor_rows + query_rows_[query] - segment.rows.begin + 1;
  }

 private:
  void make_segments(const Forest& forest);
  void make_blocks();

  std::vector<Segment> segments_;  // computed ones with rows, in order of rows
  std::vector<std::int64_t> query_rows_;
  std::vector<Block> blocks_;
};

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};

// Keys and values [rows, kv_heads * head_dim]; rows may be strided. Undefined tensors: none.
struct KeysValues {
  at::Tensor keys;
  at::Tensor values;
};

struct AttentionResult {
  at::Tensor output;  // [queries, heads * head_dim], dtype of the queries
  at::Tensor lse;     // [queries, heads], log of the sum of exponentials, accumulate type
};

// softmax(q k^T / sqrt(head_dim)) v. queries [queries, heads * head_dim], rows may be strided.
[[nodiscard]] AttentionResult attention_forward(const AttentionPlan& plan,
                                                const AttentionShape& shape,
                                                const at::Tensor& queries, const KeysValues& own,
                                                const KeysValues& residents);

// The gradients of attention_forward at `result` for `grad` = d loss / d output.
// grad_queries [queries, heads * head_dim] is written; the gradients of keys and values are
// added to the given tensors, all of accumulate type (rows may be strided); those of the
// residents may be undefined when nothing behind them is trainable.
void attention_backward(const AttentionPlan& plan, const AttentionShape& shape,
                        const at::Tensor& queries, const KeysValues& own,
                        const KeysValues& residents, const AttentionResult& result,
                        const at::Tensor& grad, at::Tensor grad_queries, KeysValues grad_own,
                        KeysValues grad_residents);

}  // namespace incipit::model
