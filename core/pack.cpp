// pack(): builds a radix tree of the sequences and writes it in preorder.
#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/forest.h"

namespace incipit {
namespace {

// Inputs [begin, end) of sequence `source`, which are of one stack. Those of the path are the first
// `end` inputs of the sequence.
struct Node {
  int parent = -1;
  std::size_t source = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  int stack = 0;
  std::vector<int> children;
  std::int64_t first_computed = 0;  // the first input that is not resident
  std::int64_t first_row = 0;       // of that input
};

class RadixTree {
 public:
  RadixTree(std::span<const Sequence> sequences, int min_shared_rows)
      : sequences_(sequences), min_shared_rows_(min_shared_rows) {
    for (std::size_t s = 0; s < sequences.size(); ++s) leaves_.push_back(insert(s));
  }

  [[nodiscard]] Forest write();

  // Returns the row of input `index` of sequence `s`. Call after write().
  [[nodiscard]] std::int64_t row_of(std::size_t s, std::int64_t index) const {
    int node = leaves_[s];
    while (nodes_[node].begin > index) node = nodes_[node].parent;
    const std::int64_t offset = index - nodes_[node].first_computed;
    INCIPIT_CHECK(offset >= 0, "a prediction after a resident row");
    return nodes_[node].first_row + offset;
  }

 private:
  std::vector<int>& children_of(int node) { return node < 0 ? roots_ : nodes_[node].children; }

  // Returns how many inputs of sequence `s` before `end`, starting at the node's `begin`, match it.
  [[nodiscard]] std::int64_t match(const Node& node, std::size_t s, std::int64_t end) const {
    const auto& own = sequences_[node.source].inputs;
    const auto& inputs = sequences_[s].inputs;
    const std::int64_t limit = std::min(node.end, end);
    std::int64_t i = node.begin;
    while (i < limit && own[i] == inputs[i]) ++i;
    return i - node.begin;
  }

  [[nodiscard]] int adapted_by(const Node& node) const {
    return sequences_[node.source].adapted_by;
  }

  [[nodiscard]] bool in_decoder(std::size_t s, std::int64_t index) const {
    const auto& begin = sequences_[s].decoder_begin;
    return begin && index >= *begin;
  }

  // Returns the end of the inputs of sequence `s` that are of the same stack as input `index`.
  [[nodiscard]] std::int64_t run_end(std::size_t s, std::int64_t index) const {
    const Sequence& sequence = sequences_[s];
    const auto length = static_cast<std::int64_t>(sequence.inputs.size());
    return in_decoder(s, index) ? length : sequence.decoder_begin.value_or(length);
  }

  // Inserts sequence `s`. Returns the node that contains its last input, or -1.
  int insert(std::size_t s) {
    const auto length = static_cast<std::int64_t>(sequences_[s].inputs.size());
    int parent = -1;
    std::int64_t depth = 0;
    while (depth < length) {
      const auto [child, matched] = best_child(parent, s, depth);
      const bool whole = child >= 0 && matched == nodes_[child].end - nodes_[child].begin;
      if (child >= 0 && depth + matched == length) return child;
      if (whole) {
        parent = child;
        depth += matched;
      } else if (child >= 0 && matched >= min_shared_rows_) {
        parent = split(child, matched);
        depth += matched;
      } else {
        const std::int64_t end = run_end(s, depth);
        const int stack = in_decoder(s, depth) ? 1 : 0;
        parent = add({.parent = parent,
                      .source = s,
                      .begin = depth,
                      .end = end,
                      .stack = stack,
                      .children = {}});
        depth = end;
      }
    }
    return parent;
  }

  // Returns the child of `parent` that shares most inputs with sequence `s` from `depth`, and their
  // number.
  std::pair<int, std::int64_t> best_child(int parent, std::size_t s, std::int64_t depth) {
    std::pair<int, std::int64_t> best{-1, 0};
    if (min_shared_rows_ <= 0) return best;
    const int stack = in_decoder(s, depth) ? 1 : 0;
    const std::int64_t end = run_end(s, depth);
    const bool is_encoder = stack == 0 && sequences_[s].decoder_begin;
    for (const int child : children_of(parent)) {
      const Node& node = nodes_[child];
      if (node.stack != stack || adapted_by(node) != sequences_[s].adapted_by) continue;
      const std::int64_t matched = match(node, s, end);
      if (is_encoder && (matched != end - depth || node.end != end)) continue;
      if (matched > best.second) best = {child, matched};
    }
    return best;
  }

  int add(Node node) {
    const int index = static_cast<int>(nodes_.size());
    const int parent = node.parent;
    nodes_.push_back(std::move(node));
    children_of(parent).push_back(index);
    return index;
  }

  // Moves the first `rows` rows of `lower` into a new parent node. `lower` keeps the other rows,
  // its children and the sequences that end in it.
  int split(int lower, std::int64_t rows) {
    const int upper = static_cast<int>(nodes_.size());
    Node node{.parent = nodes_[lower].parent,
              .source = nodes_[lower].source,
              .begin = nodes_[lower].begin,
              .end = nodes_[lower].begin + rows,
              .stack = nodes_[lower].stack,
              .children = {lower}};
    nodes_.push_back(std::move(node));
    nodes_[lower].begin += rows;
    auto& siblings = children_of(nodes_[lower].parent);
    *std::find(siblings.begin(), siblings.end(), lower) = upper;
    nodes_[lower].parent = upper;
    return upper;
  }

  // Appends a segment of the node and returns its index.
  int add_segment(const Node& node, int parent, ResidentRows resident, Forest& forest) const {
    forest.parent.push_back(parent);
    forest.stack.push_back(node.stack);
    forest.adapted_by.push_back(adapted_by(node));
    forest.resident.push_back(resident);
    forest.segment_begin.push_back(forest.row_count());
    return forest.segment_count() - 1;
  }

  // Writes the node's resident rows, one segment per run of rows of a store. Returns the last
  // segment, or `parent` if there are none.
  int write_residents(Node& node, int parent, Forest& forest) const {
    const auto& inputs = sequences_[node.source].inputs;
    std::int64_t i = node.begin;
    while (i < node.end && inputs[i].is_resident()) {
      ResidentRows run{inputs[i].store(), {inputs[i].row(), inputs[i].row()}};
      for (; i < node.end &&
             inputs[i] == Symbol::resident_row(run.store, static_cast<int>(run.rows.end));
           ++i) {
        ++run.rows.end;
      }
      parent = add_segment(node, parent, run, forest);
    }
    node.first_computed = i;
    return parent;
  }

  void write_rows(const Node& node, Forest& forest) const {
    const std::int64_t first =
        node.stack == 1 ? sequences_[node.source].decoder_begin.value() : 0;  // of the stack
    for (std::int64_t i = node.first_computed; i < node.end; ++i) {
      const Symbol symbol = sequences_[node.source].inputs[i];
      const std::int64_t row = forest.row_count();
      forest.positions.push_back(static_cast<std::int32_t>(i - first));
      forest.tokens.push_back(symbol.is_token() ? symbol.token_id() : Forest::kPromptToken);
      if (symbol.is_token()) continue;
      auto& spans = forest.prompt_spans;
      const bool continues = i > node.first_computed && !spans.empty() &&
                             spans.back().row + spans.back().count == row &&
                             spans.back().prompt == symbol.prompt() &&
                             spans.back().prompt_row + spans.back().count == symbol.row();
      if (continues) {
        ++spans.back().count;
      } else {
        spans.push_back({row, symbol.prompt(), symbol.row(), 1});
      }
    }
  }

  std::span<const Sequence> sequences_;
  std::int64_t min_shared_rows_;
  std::vector<Node> nodes_;
  std::vector<int> roots_;
  std::vector<int> leaves_;
};

Forest RadixTree::write() {
  Forest forest;
  std::vector<std::pair<int, int>> pending;  // (node, segment of its parent)
  const auto push_children = [&](const std::vector<int>& children, int segment) {
    for (auto it = children.rbegin(); it != children.rend(); ++it)
      pending.emplace_back(*it, segment);
  };
  push_children(roots_, -1);
  while (!pending.empty()) {
    const auto [index, parent_segment] = pending.back();
    pending.pop_back();
    Node& node = nodes_[index];
    int segment = write_residents(node, parent_segment, forest);
    node.first_row = forest.row_count();
    write_rows(node, forest);
    if (forest.row_count() > node.first_row) segment = add_segment(node, segment, {}, forest);
    push_children(node.children, segment);
  }
  return forest;
}

}  // namespace

PackedForest pack(std::span<const Sequence> sequences, int min_shared_rows) {
  RadixTree tree(sequences, min_shared_rows);
  PackedForest packed{.forest = tree.write(), .targets = {}};

  std::map<std::pair<std::int64_t, TokenId>, float> weights;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    for (const Sequence::Prediction& prediction : sequences[s].predictions) {
      INCIPIT_CHECK(prediction.index >= 0 &&
                        prediction.index < static_cast<std::int64_t>(sequences[s].inputs.size()),
                    "sequence ", s, " predicts after input ", prediction.index, " of ",
                    sequences[s].inputs.size());
      weights[{tree.row_of(s, prediction.index), prediction.id}] += prediction.weight;
    }
  }
  std::map<std::pair<std::int64_t, TokenId>, std::int32_t> indices;
  for (const auto& [key, weight] : weights) {
    indices.emplace(key, static_cast<std::int32_t>(packed.forest.targets.size()));
    packed.forest.targets.push_back({key.first, key.second, weight});
  }
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    auto& own = packed.targets.emplace_back();
    for (const Sequence::Prediction& prediction : sequences[s].predictions) {
      own.push_back(indices.at({tree.row_of(s, prediction.index), prediction.id}));
    }
  }
  return packed;
}

}  // namespace incipit
