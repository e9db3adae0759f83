// How the examples of a split are cut into batches for ranks that take turns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"

namespace incipit::eval {

// Batch b is order[begins[b]], ..., order[begins[b + 1] - 1].
struct Batches {
  std::vector<std::int64_t> order;   // of examples: common beginnings are neighbours
  std::vector<std::int64_t> begins;  // of batches in `order`, and its size
  [[nodiscard]] int count() const { return static_cast<int>(begins.size()) - 1; }
};

// Batches of about equal size and at most `batch_rows` rows, where examples allow; example i
// has rows[i] of them. As many as make `ranks` ranks end at about the same time.
[[nodiscard]] Batches plan_batches(const data::Dataset& dataset, std::span<const std::int64_t> rows,
                                   std::int64_t batch_rows, int ranks);

}  // namespace incipit::eval
