#include "eval/resident_root.h"

#include <algorithm>

#include "core/check.h"

namespace incipit::eval {
namespace {

// Returns the part of the span from row `rows` on, with rows counted from there; count 0 if there
// is none.
PromptSpan behind(PromptSpan span, std::int64_t rows) {
  const auto cut = static_cast<int>(std::max<std::int64_t>(rows - span.row, 0));
  span.row += cut - rows;
  span.prompt_row += cut;
  span.count -= cut;
  return span;
}

}  // namespace

Forest with_resident_root(const Forest& forest, std::int64_t rows) {
  INCIPIT_CHECK(rows > 0 && forest.segment_count() > 0);
  const Range root = forest.rows(0);
  INCIPIT_CHECK(root.size() >= rows, "the root has ", root.size(), " rows, not ", rows);
  Forest out;
  out.parent.push_back(-1);
  out.resident.push_back({0, {0, rows}});
  out.segment_begin.push_back(0);

  // The remaining rows of the root become a new segment. If there are none, its children move up.
  const bool rest = root.size() > rows;
  for (int s = rest ? 0 : 1; s < forest.segment_count(); ++s) {
    const int parent = forest.parent[s];
    INCIPIT_CHECK(s == 0 || parent >= 0, "a second root");
    INCIPIT_CHECK(forest.resident[s].empty(), "a resident segment");
    out.parent.push_back(rest ? parent + 1 : parent);
    out.resident.emplace_back();
    out.segment_begin.push_back(forest.segment_begin[s + 1] - rows);
  }
  out.tokens.assign(forest.tokens.begin() + rows, forest.tokens.end());
  out.positions.assign(forest.positions.begin() + rows, forest.positions.end());
  for (const PromptSpan& span : forest.prompt_spans) {
    const PromptSpan kept = behind(span, rows);
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
