// What becomes of the matches when a piece is cut.
#pragma once

#include "data/tokenizer/json_node.h"
#include "data/tokenizer/pieces.h"

namespace incipit::data {

// "the-final--countdown", cut at "-":
enum class SplitBehavior {
  kRemoved,             // the|final|countdown
  kIsolated,            // the|-|final|-|-|countdown
  kMergedWithPrevious,  // the-|final-|-|countdown
  kMergedWithNext,      // the|-final|-|-countdown
  kContiguous,          // the|-|final|--|countdown
};

// From "Removed", "Isolated", ... Throws DataError on any other word.
[[nodiscard]] SplitBehavior read_split_behavior(const JsonNode& node);

// Cuts `piece` along pieces.spans, which cover it, and puts the parts into pieces.next.
// May change pieces.spans.
void split_piece(const Piece& piece, SplitBehavior behavior, Pieces& pieces);

}  // namespace incipit::data
