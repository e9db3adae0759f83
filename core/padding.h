// Pads a forest, so that batches of similar sizes have equal shapes. A device can then repeat the
// work of one batch on another (model/pass_graphs.h).
#pragma once

#include <cstdint>

#include "core/forest.h"

namespace incipit {

// Returns the smallest size of a bucket that is at least `count`. Sizes are multiples of `step`,
// and of an eighth of the largest power of two in `count` if that is more.
[[nodiscard]] std::int64_t bucket_size(std::int64_t count, std::int64_t step);

// How much is added to a forest.
struct Padding {
  std::int64_t rows = 0;         // at least 1
  std::int64_t target_rows = 0;  // of these: the first ones, which have targets; at least 1
  std::int64_t targets = 0;      // at least target_rows
};

// Returns the forest with more rows at its end, each a root segment of token 0 at position 0, and
// with targets of weight 0 at some of them. Results at the other rows and targets, which keep their
// numbers, stay the same, and so do gradients if those of the added targets are 0. The added rows
// have the additions of the first segment. Only for a forest of one stack.
[[nodiscard]] Forest padded(Forest forest, const Padding& padding);

}  // namespace incipit
