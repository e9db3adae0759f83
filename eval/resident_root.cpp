#include "eval/resident_root.h"

#include <algorithm>

#include "core/check.h"

namespace incipit::eval {
namespace {

// Returns the part of the span from row `rows` on, with rows counted from there; count 0 if there
// is none.
PromptSpan after(PromptSpan span, std::int64_t rows) {
  const auto cut = static_cast<int>(std::max<std::int64_t>(rows - span.row, 0));
  span.row += cut - rows;
  span.prompt_row += cut;
  span.count -= cut;
  return span;
}

}  // namespace

Forest with_resident_root(const Forest& forest, std::span<const ResidentRows> chain) {
  INCIPIT_CHECK(!chain.empty() && forest.segment_count() > 0);
  std::int64_t rows = 0;
  for (const ResidentRows& part : chain) rows += part.rows.size();
  Forest out;
  const auto add = [&](int parent, const ResidentRows& resident, std::int64_t end) {
    out.parent.push_back(parent);
    out.stack.push_back(0);
    out.adapted_by.push_back(forest.adapted_by.front());
    out.resident.push_back(resident);
    out.segment_begin.push_back(end);
  };
  int first = 0;  // the first computed segment
  for (; !forest.resident[first].empty(); ++first) add(first - 1, forest.resident[first], 0);
  const Range root = forest.rows(first);
  INCIPIT_CHECK(root.size() >= rows, "the root has ", root.size(), " rows, not ", rows);
  for (const ResidentRows& part : chain) {
    add(static_cast<int>(out.parent.size()) - 1, part, 0);
  }

  // The remaining rows of the root become a new segment. If there are none, its children move up.
  const bool rest = root.size() > rows;
  const int last = static_cast<int>(out.parent.size()) - 1;  // of the chain
  for (int s = rest ? first : first + 1; s < forest.segment_count(); ++s) {
    const int parent = forest.parent[s];
    INCIPIT_CHECK(s == first || parent >= first, "a second root");
    INCIPIT_CHECK(forest.resident[s].empty(), "a resident segment");
    const int moved = last + (parent - first) + (rest ? 1 : 0);
    add(s == first ? last : moved, {}, forest.segment_begin[s + 1] - rows);
  }
  out.tokens.assign(forest.tokens.begin() + rows, forest.tokens.end());
  out.positions.assign(forest.positions.begin() + rows, forest.positions.end());
  for (const PromptSpan& span : forest.prompt_spans) {
    const PromptSpan kept = after(span, rows);
    if (kept.count > 0) out.prompt_spans.push_back(kept);
  }
  for (Target target : forest.targets) {
    INCIPIT_CHECK(target.row >= rows, "a target in the resident rows");
    target.row -= rows;
    out.targets.push_back(target);
  }
  return out;
}

}  // namespace incipit::eval
