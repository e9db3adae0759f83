#include "core/forest.h"

#include "core/check.h"

namespace incipit {

void Sequence::append_tokens(std::span<const TokenId> ids) {
  for (const TokenId id : ids) inputs.push_back(Symbol::token(id));
}

void Sequence::append_prompt(const PromptRows& prompt) {
  INCIPIT_CHECK(!prompt.resident || inputs.empty() || inputs.back().is_resident(),
                "resident rows after computed ones");
  if (prompt.adapts) adapted_by = prompt.prompt;
  for (int row = prompt.first; row < prompt.first + prompt.rows; ++row) {
    inputs.push_back(prompt.resident ? Symbol::resident_row(prompt.prompt, row)
                                     : Symbol::prompt_row(prompt.prompt, row));
  }
}

void Sequence::start_decoder() {
  INCIPIT_CHECK(!inputs.empty() && !decoder_begin, "a decoder needs one encoder's inputs");
  decoder_begin = static_cast<std::int64_t>(inputs.size());
}

namespace {

void check_segment(const Forest& forest, int segment) {
  const Range rows = forest.rows(segment);
  const int parent = forest.parent[segment];
  INCIPIT_CHECK(rows.begin <= rows.end, "segment ", segment);
  INCIPIT_CHECK(parent >= -1 && parent < segment, "segment ", segment, " has parent ", parent);
  INCIPIT_CHECK(forest.resident[segment].empty() || rows.empty(), "segment ", segment,
                " is both resident and computed");
  // The ancestors of a resident segment were computed before it, so they are resident as well.
  if (!forest.resident[segment].empty() && parent >= 0) {
    INCIPIT_CHECK(forest.rows(parent).empty(), "segment ", segment,
                  " is resident below a computed one");
  }
  INCIPIT_CHECK(forest.stack[segment] == (parent < 0 ? 0 : forest.stack[parent]) ||
                    (parent >= 0 && forest.stack[segment] == 1),
                "segment ", segment, " is of stack ", forest.stack[segment]);
  INCIPIT_CHECK(parent < 0 || forest.adapted_by[segment] == forest.adapted_by[parent], "segment ",
                segment, " is adapted by ", forest.adapted_by[segment], ", its parent is not");
  if (segment == 0) return;
  // Preorder: the parent is on the path from the previous segment to its root.
  int ancestor = segment - 1;
  while (ancestor > parent) ancestor = forest.parent[ancestor];
  INCIPIT_CHECK(ancestor == parent, "segment ", segment, " breaks the preorder");
}

}  // namespace

std::int64_t Forest::row_count(int of_stack) const {
  std::int64_t count = 0;
  for (int s = 0; s < segment_count(); ++s) {
    if (stack[s] == of_stack) count += rows(s).size();
  }
  return count;
}

void Forest::check() const {
  INCIPIT_CHECK(positions.size() == tokens.size());
  INCIPIT_CHECK(segment_begin.size() == parent.size() + 1);
  INCIPIT_CHECK(resident.size() == parent.size() && stack.size() == parent.size() &&
                adapted_by.size() == parent.size());
  INCIPIT_CHECK(segment_begin.front() == 0 && segment_begin.back() == row_count());
  for (int segment = 0; segment < segment_count(); ++segment) check_segment(*this, segment);
  INCIPIT_CHECK(padding_rows <= segment_count(), "padding rows without a segment");
  for (std::int64_t i = 0; i < padding_rows; ++i) {
    const auto segment = segment_count() - 1 - static_cast<int>(i);
    INCIPIT_CHECK(rows(segment).size() == 1 && parent[segment] < 0, "padding of segment ", segment);
  }

  std::int64_t prompt_rows = 0;
  std::int64_t row = 0;
  for (const PromptSpan& span : prompt_spans) {
    INCIPIT_CHECK(span.row >= row && span.count > 0, "prompt spans out of order");
    row = span.row + span.count;
    INCIPIT_CHECK(row <= row_count(), "a prompt span ends beyond the rows");
    for (std::int64_t i = span.row; i < row; ++i) INCIPIT_CHECK(tokens[i] == kPromptToken);
    prompt_rows += span.count;
  }
  for (const TokenId token : tokens) prompt_rows -= token == kPromptToken;
  INCIPIT_CHECK(prompt_rows == 0, "prompt rows without a span");

  const Target* previous = nullptr;
  for (const Target& target : targets) {
    INCIPIT_CHECK(target.row >= 0 && target.row < row_count() && target.id >= 0);
    INCIPIT_CHECK(!previous || previous->row < target.row ||
                      (previous->row == target.row && previous->id < target.id),
                  "targets out of order");
    previous = &target;
  }
}

}  // namespace incipit
