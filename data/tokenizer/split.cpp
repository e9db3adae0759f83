#include "data/tokenizer/split.h"

namespace incipit::data {

SplitBehavior read_split_behavior(const JsonNode& node) {
  const std::string name = node.string();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  node.fail("the behavior '" + name +
            "' is not supported (Removed, Isolated, MergedWithPrevious, MergedWithNext and "
            "Contiguous are)");
}

namespace {

// Joins a span to the previous one if `joins(span, match flag of the previous span)`.
template <typename Joins>
void join_to_previous(std::vector<Span>& spans, Joins joins) {
  std::size_t kept = 0;
  bool previous_match = false;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const Span span = spans[i];
    if (kept > 0 && joins(span.match, previous_match)) {
      spans[kept - 1].end = span.end;
    } else {
      spans[kept++] = span;
    }
    previous_match = span.match;
  }
  spans.resize(kept);
}

void join_matches_to_next(std::vector<Span>& spans) {
  std::size_t kept = spans.size();
  bool next_match = false;
  for (std::size_t i = spans.size(); i-- > 0;) {
    const Span span = spans[i];
    if (kept < spans.size() && span.match && !next_match) {
      spans[kept].begin = span.begin;
    } else {
      spans[--kept] = span;
    }
    next_match = span.match;
  }
  spans.erase(spans.begin(), spans.begin() + static_cast<std::ptrdiff_t>(kept));
}

}  // namespace

void split_piece(const Piece& piece, SplitBehavior behavior, Pieces& pieces) {
  auto& spans = pieces.spans;
  if (behavior == SplitBehavior::kContiguous) {
    join_to_previous(spans, [](bool match, bool previous) { return match == previous; });
  } else if (behavior == SplitBehavior::kMergedWithPrevious) {
    join_to_previous(spans, [](bool match, bool previous) { return match && !previous; });
  } else if (behavior == SplitBehavior::kMergedWithNext) {
    join_matches_to_next(spans);
  }
  for (const Span& span : spans) {
    if (behavior == SplitBehavior::kRemoved && span.match) continue;
    pieces.add_part(piece, span.begin, span.end);
  }
}

}  // namespace incipit::data
