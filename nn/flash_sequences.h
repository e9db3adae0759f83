// How attention over a forest is divided into sequences of flash calls. Host memory only. Not for
// use in other folders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/range.h"
#include "nn/attention.h"

namespace incipit::nn {

// Consecutive queries that see the same keys, or of causal attention all keys up to the last one's.
struct FlashSequence {
  Range queries;
  KeySpan keys;
  std::int64_t position = 0;  // of the first key, along the path
};

// A padded forest has at least this many rows besides the padding that padding_needed() returns.
inline constexpr std::int64_t kLeastPaddedRows = 64;

// The sequences of one call.
struct FlashSequences {
  std::size_t depth = 0;  // 0: the segments' own keys; else of their ancestors at this depth
  std::vector<FlashSequence> sequences{};
  // Whether queries and keys are collected even if they happen to be consecutive, and lengths are
  // rounded up, so that the call is the same for another batch.
  bool gathers_queries = false;
  bool gathers_keys = false;
  bool rounds_lengths = false;
};

// Returns the calls of a plan: each segment's own keys, then one for each depth, every query
// against its segment's ancestor there. With `full`, a query sees all rows of its segment,
// otherwise those up to its own. Padding queries get sequences with which every call has as many
// sequences, queries and keys as those of a similar batch. Throws LogicError if there are fewer of
// them than padding_needed() returns.
[[nodiscard]] std::vector<FlashSequences> flash_sequences(const AttentionPlan& plan, bool full);

// Returns how many padding queries the calls of a plan without any need; nothing if its calls have
// so many more keys than the forest has rows that padding would not pay. Resident keys of one store
// are no hindrance, since padding queries then see rows of it.
[[nodiscard]] std::optional<std::int64_t> padding_needed(const AttentionPlan& plan);

}  // namespace incipit::nn
