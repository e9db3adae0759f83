// Divides the examples of a split into batches that ranks take in turn.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"

namespace incipit::eval {

// Batch b is order[begins[b]], ..., order[begins[b + 1] - 1].
struct Batches {
  std::vector<std::int64_t> order;   // example indices; common prefixes are adjacent
  std::vector<std::int64_t> begins;  // start of each batch in `order`, then its size
  [[nodiscard]] int count() const { return static_cast<int>(begins.size()) - 1; }
};

// Plans batches of about equal size, each at most `batch_rows` rows where the examples allow it.
// Example i has rows[i] rows. The number of batches is chosen so that `ranks` ranks finish at about
// the same time.
[[nodiscard]] Batches plan_batches(const data::Dataset& dataset, std::span<const std::int64_t> rows,
                                   std::int64_t batch_rows, int ranks);

}  // namespace incipit::eval
