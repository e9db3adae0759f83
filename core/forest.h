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
// prompts); the segment only names the rows of the store that contains them.
//
// A model may have two *stacks* of layers, an encoder and a decoder (Vaswani et al. 2017). A
// segment is of one of them. It attends to its ancestors of the same stack; a segment of the
// decoder also attends, by cross attention, to those of the encoder, which are above it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/range.h"

namespace incipit {

using TokenId = std::int32_t;

// Rows of a store of keys and values.
struct ResidentRows {
  int store = 0;  // its number among the stores of a pass
  Range rows;
  [[nodiscard]] bool empty() const { return rows.empty(); }
  friend bool operator==(const ResidentRows&, const ResidentRows&) = default;
};

// One input of a sequence: a vocabulary token, a row of a soft prompt, or a resident row.
class Symbol {
 public:
  [[nodiscard]] static Symbol token(TokenId id) { return {kToken, 0, id}; }
  [[nodiscard]] static Symbol prompt_row(int prompt, int row) { return {kPromptRow, prompt, row}; }
  [[nodiscard]] static Symbol resident_row(int store, int row) { return {kResident, store, row}; }
  [[nodiscard]] bool is_token() const { return kind_ == kToken; }
  [[nodiscard]] bool is_resident() const { return kind_ == kResident; }
  [[nodiscard]] TokenId token_id() const { return row_; }
  [[nodiscard]] int prompt() const { return owner_; }
  [[nodiscard]] int store() const { return owner_; }
  [[nodiscard]] int row() const { return row_; }
  friend bool operator==(const Symbol&, const Symbol&) = default;

 private:
  enum Kind : std::int16_t { kToken, kPromptRow, kResident };
  Symbol(Kind kind, int owner, int row)
      : kind_(kind), owner_(static_cast<std::int16_t>(owner)), row_(row) {}
  Kind kind_;
  std::int16_t owner_;  // prompt or store
  std::int32_t row_;    // or token
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
  static constexpr int kStacks = 2;
  static constexpr TokenId kPromptToken = -1;  // in `tokens`, at the rows of soft prompts

  // Indexed by row; N elements.
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> positions;  // along the path in the row's stack, from 0

  // Indexed by segment, in preorder; S elements.
  std::vector<std::int64_t> segment_begin{0};  // [S+1]; a resident segment has no rows here
  std::vector<std::int32_t> parent;            // -1 for a root, else less than the segment's index
  std::vector<ResidentRows> resident;          // empty if computed
  std::vector<std::int32_t> stack;             // 0, or 1: the decoder after an encoder
  // The prompt of the batch that adds to linear maps (LoRA) at the segment's rows; -1: none. A
  // segment has the same as its parent.
  std::vector<std::int32_t> adapted_by;

  // Rows at the end whose results nobody reads: segments of one row (core/padding.h).
  std::int64_t padding_rows = 0;

  std::vector<PromptSpan> prompt_spans;  // ordered by row
  std::vector<Target> targets;           // ordered by row, then by id; each (row, id) occurs once

  [[nodiscard]] std::int64_t row_count() const { return static_cast<std::int64_t>(tokens.size()); }
  [[nodiscard]] std::int64_t row_count(int of_stack) const;
  [[nodiscard]] int segment_count() const { return static_cast<int>(parent.size()); }
  [[nodiscard]] Range rows(int segment) const {
    return {segment_begin[segment], segment_begin[segment + 1]};
  }

  // Throws LogicError if an invariant described in this file is violated.
  void check() const;
};

// The prompt that precedes a sequence.
struct PromptRows {
  int prompt = 0;         // its number in the batch
  int rows = 0;           // 0: no rows
  bool resident = false;  // keys and values in store `prompt`, instead of rows of a soft prompt
  bool adapts = false;    // adds to linear maps at all rows of the sequence
  int first = 0;          // the first of these rows, among the prompt's
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
  // The first input of the decoder, if those before it are the encoder's.
  std::optional<std::int64_t> decoder_begin;
  int adapted_by = -1;  // as Forest::adapted_by

  void append_tokens(std::span<const TokenId> ids);
  // Appends the prompt's rows. Resident rows must be the first of a sequence.
  void append_prompt(const PromptRows& prompt);
  // The inputs so far are the encoder's, and those appended from now on the decoder's.
  void start_decoder();
};

// A forest packed from sequences.
struct PackedForest {
  Forest forest;
  // targets[s][k]: index into forest.targets of prediction k of sequence s. Sequences that
  // predict the same token at the same shared row share a target, whose weight is their sum.
  std::vector<std::vector<std::int32_t>> targets;
};

// Packs sequences into a forest in which every common prefix of at least `min_shared_rows` rows is
// a separate segment, computed once, if the same prompt adapts them. With 0 nothing is shared and
// every sequence has a root; tests use this as a reference. The inputs of an encoder depend on each
// other, so they are shared only if all of them are equal.
[[nodiscard]] PackedForest pack(std::span<const Sequence> sequences, int min_shared_rows = 1);

// A forest cut below shared ancestors, so that its parts can run one after the other.
//
// `trunk` contains the segments that several branches need. Run it first and keep its keys and
// values in one more store, after those of the uncut forest. The branches refer to its rows. The
// backward pass runs the branches in any order, then the trunk with the summed gradients of keys
// and values.
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
// and an empty trunk if the forest fits and one branch is enough. `stores` is the number of stores
// that the forest refers to, and the number of the trunk's store.
[[nodiscard]] ForestCut cut_below_shared(const Forest& forest, std::int64_t max_rows,
                                         int min_branches = 1, int stores = 0);

// Returns the same as one cut, or if its trunk would have more than `max_rows` rows because of many
// prompts, as several cuts of some prompts' sequences each. They can run one after the other. A
// trunk has more rows only where those of a single prompt's sequences do.
[[nodiscard]] std::vector<ForestCut> cut_into_parts(const Forest& forest, std::int64_t max_rows,
                                                    int min_branches = 1, int stores = 0);

}  // namespace incipit
