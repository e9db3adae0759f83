// A batch as a packed forest of segments that stores shared prefixes once. Independent of libtorch.
//
// In a causal model, a prefix that several sequences share needs to be computed only once. This
// also holds in training, and is exact. A *segment* is a run of rows with at most one parent. A row
// attends to all rows of the segment's ancestors and, causally, to the rows of its own segment.
// Segments are in preorder, so the descendants of a segment are one contiguous run of rows after
// it. There is no padding.
//
//     prompt ─┬─ "The cat sat" ─┬─ " Yes"        rows: 0..P-1 | P.. | ...
//             │                 └─ " No"
//             └─ "A dog ran"
//
// A segment is either *computed* (its rows are in the packed arrays) or *resident*. The keys and
// values of a resident segment were computed before by another forest, or are parameters (deep
// prompts); the segment only has a range of rows in the store that contains them.
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

// One input of a sequence: a vocabulary token or a row of a soft prompt.
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
  std::int64_t row = 0;  // first row of the forest
  int prompt = 0;        // which prompt of the batch
  int prompt_row = 0;    // first row of that prompt
  int count = 0;
  friend bool operator==(const PromptSpan&, const PromptSpan&) = default;
};

// "After row `row`, the next token is `id`", with weight `weight` in the loss.
struct Target {
  std::int64_t row = 0;
  TokenId id = 0;
  float weight = 0;
  friend bool operator==(const Target&, const Target&) = default;
};

struct Forest {
  static constexpr TokenId kPromptToken = -1;  // in `tokens`, at the rows of soft prompts

  // Indexed by row; N elements.
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> positions;  // along the path from the root, from 0

  // Indexed by segment, in preorder; S elements.
  std::vector<std::int64_t> segment_begin{0};  // [S+1]; a resident segment has no rows here
  std::vector<std::int32_t> parent;            // -1 for a root, else less than the segment's index
  std::vector<RowRange> resident;              // rows in the resident store; empty if computed

  std::vector<PromptSpan> prompt_spans;  // ordered by row
  std::vector<Target> targets;           // ordered by row, then by id; each (row, id) occurs once

  [[nodiscard]] std::int64_t row_count() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] int segment_count() const { return static_cast<int>(parent.size()); }
  [[nodiscard]] RowRange rows(int segment) const {
    return {segment_begin[segment], segment_begin[segment + 1]};
  }

  // Throws LogicError if an invariant described in this file is violated.
  void check() const;
};

// A whole sequence before packing: its inputs and the tokens to predict.
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

// A forest packed from sequences.
struct PackedForest {
  Forest forest;
  // targets[s][k]: index into forest.targets of prediction k of sequence s. Sequences that
  // predict the same token at the same shared row share a target, whose weight is their sum.
  std::vector<std::vector<std::int32_t>> targets;
};

// Packs sequences into a forest in which every common prefix of at least `min_shared_rows` rows is
// a separate segment, computed once. With 0 nothing is shared and every sequence is a root; tests
// use this as a reference.
[[nodiscard]] PackedForest pack(std::span<const Sequence> sequences, int min_shared_rows = 1);

// A forest cut below shared ancestors, so that its parts can run one after the other.
//
// `trunk` contains the segments that several branches need. Run it first and keep its keys and
// values. The resident ranges of the branches are rows of the trunk. The backward pass runs the
// branches in any order, then the trunk with the summed gradients of keys and values.
struct ForestCut {
  struct Branch {
    Forest forest;
    std::vector<std::int32_t> target_of;  // by target: its index in the uncut forest's targets
  };
  Forest trunk;  // no rows if the branches share nothing
  std::vector<std::int32_t> trunk_target_of;
  std::vector<Branch> branches;
};

// Cuts a forest so that no branch has more than `max_rows` rows and there are at least
// `min_branches` branches, as far as segments allow: a segment is never split. Returns one branch
// and an empty trunk if the forest fits and one branch is enough. `forest` must not have resident
// segments.
[[nodiscard]] ForestCut cut_below_shared(const Forest& forest, std::int64_t max_rows,
                                         int min_branches = 1);

}  // namespace incipit
