// Splitting a piece at the matches of a pattern.
#pragma once

#include "data/tokenizer/json_node.h"
#include "data/tokenizer/pieces.h"

namespace incipit::data {

// "the-final--countdown", split at "-":
enum class SplitBehavior {
  kRemoved,             // the|final|countdown
  kIsolated,            // the|-|final|-|-|countdown
  kMergedWithPrevious,  // the-|final-|-|countdown
  kMergedWithNext,      // the|-final|-|-countdown
  kContiguous,          // the|-|final|--|countdown
};

// Reads "Removed", "Isolated", ... Throws DataError on any other word.
[[nodiscard]] SplitBehavior read_split_behavior(const JsonNode& node);

// Splits `piece` along pieces.spans, which cover it, and adds the parts to pieces.next. May change
// pieces.spans.
void split_piece(const Piece& piece, SplitBehavior behavior, Pieces& pieces);

}  // namespace incipit::data
