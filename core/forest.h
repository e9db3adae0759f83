// A batch as a forest of segments, packed, nothing stored twice. Torch-free.
//
// A causal model lets a beginning that several sequences share be computed once and used
// by all of them, in training too, exactly. A *segment* is a run of rows with at most one
// parent; a row attends to all rows of the segment's ancestors and, causally, to the rows
// of its own segment. Segments stand in preorder, so the descendants of a segment are one
// contiguous run of rows behind it. There is no padding anywhere.
//
//     prompt ─┬─ "The cat sat" ─┬─ " Yes"        rows: 0..P-1 | P.. | ...
//             │                 └─ " No"
//             └─ "A dog ran"
//
// A segment is *computed* (its rows are in the packed arrays) or *resident*: its keys and
// values were computed before (by another forest) or are parameters (deep prompts), and
// it only has a range of rows in that store.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace incipit {

using TokenId = std::int32_t;

// Rows [begin, end).
struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
  [[nodiscard]] bool empty() const { return begin == end; }
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// One input of a sequence: a token of the vocabulary or a row of a soft prompt.
class Symbol {
 public:
  [[nodiscard]] static Symbol token(TokenId id) { return Symbol(id); }
  [[nodiscard]] static Symbol prompt_row(int prompt, int row) {
    return Symbol(-1 - ((static_cast<std::int64_t>(prompt) << kRowBits) | row));
  }
  [[nodiscard]] bool is_token() const { return code_ >= 0; }
  [[nodiscard]] TokenId token_id() const { return static_cast<TokenId>(code_); }
  [[nodiscard]] int prompt() const { return static_cast<int>((-1 - code_) >> kRowBits); }
  [[nodiscard]] int row() const {
    return static_cast<int>((-1 - code_) & ((std::int64_t{1} << kRowBits) - 1));
  }
  friend bool operator==(Symbol, Symbol) = default;

 private:
  static constexpr int kRowBits = 24;
  explicit Symbol(std::int64_t code) : code_(code) {}
  std::int64_t code_;
};

// Consecutive rows filled by consecutive rows of a soft prompt.
struct PromptSpan {
  std::int64_t row = 0;        // first row of the forest
  int prompt = 0;              // which prompt of the batch
  int prompt_row = 0;          // first row of that prompt
  int count = 0;
  friend bool operator==(const PromptSpan&, const PromptSpan&) = default;
};

// "After row `row`, the next token is `id`." A loss weighs it by `weight`.
struct Target {
  std::int64_t row = 0;
  TokenId id = 0;
  float weight = 0;
  friend bool operator==(const Target&, const Target&) = default;
};

struct Forest {
  static constexpr TokenId kPromptToken = -1;  // in `tokens`, where a soft prompt stands

  // By row, N of them.
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> positions;  // along the path from the root, from 0

  // By segment, S of them, in preorder.
  std::vector<std::int64_t> segment_begin{0};  // [S+1]; a resident segment has no rows here
  std::vector<std::int32_t> parent;            // -1 for a root, else smaller than the own index
  std::vector<RowRange> resident;              // rows in the resident store; empty when computed

  std::vector<PromptSpan> prompt_spans;  // in order of rows
  std::vector<Target> targets;           // in order of rows; (row, id) occurs once

  [[nodiscard]] std::int64_t row_count() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] int segment_count() const { return static_cast<int>(parent.size()); }
  [[nodiscard]] RowRange rows(int segment) const {
    return {segment_begin[segment], segment_begin[segment + 1]};
  }

  // Throws LogicError when an invariant of this page is broken.
  void check() const;
};

// A whole sequence before packing: its inputs, and what is to be predicted where.
struct Sequence {
  struct Prediction {
    std::int64_t index = 0;  // after input `index` ...
    TokenId id = 0;          // ... comes this token
    float weight = 1;
  };
  std::vector<Symbol> inputs;
  std::vector<Prediction> predictions;

  void append_tokens(std::span<const TokenId> ids);
  void append_prompt(int prompt, int rows);
};

// A forest made of sequences.
struct PackedForest {
  Forest forest;
  // targets[s][k]: index into forest.targets of prediction k of sequence s. Sequences that
  // predict the same token at the same shared row share a target (weights add up).
  std::vector<std::vector<std::int32_t>> targets;
};

// Packs sequences into a forest in which every common beginning of at least
// `min_shared_rows` rows is a segment of its own, computed once. With 0 nothing is shared:
// every sequence is a root (the flat computation that tests compare with).
[[nodiscard]] PackedForest pack(std::span<const Sequence> sequences, int min_shared_rows = 1);

// A forest cut below shared ancestors so that parts can run one after the other.
//
// `trunk` holds the segments that several branches need; run it first and keep its keys
// and values. Resident ranges of the branches are rows of the trunk. Backward runs the
// branches in any order, then the trunk on the summed key and value gradients.
struct ForestCut {
  struct Branch {
    Forest forest;
    std::vector<std::int32_t> target_of;  // forest.targets[i] is targets[target_of[i]] of the whole
  };
  Forest trunk;  // no rows when nothing is shared between branches
  std::vector<std::int32_t> trunk_target_of;
  std::vector<Branch> branches;
};

// Cuts so that no branch has more than `max_rows` rows and there are at least `min_branches`,
// where segments allow: a segment is never split. One branch and an empty trunk when the forest
// fits and that is enough. `forest` has no resident segments.
[[nodiscard]] ForestCut cut_below_shared(const Forest& forest, std::int64_t max_rows,
                                         int min_branches = 1);

}  // namespace incipit
