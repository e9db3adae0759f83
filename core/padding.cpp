#include "core/padding.h"

#include <algorithm>
#include <bit>

#include "core/check.h"

namespace incipit {

std::int64_t bucket_size(std::int64_t count, std::int64_t step) {
  constexpr std::uint64_t kStepsPerDoubling = 8;
  const std::uint64_t largest = std::bit_floor(static_cast<std::uint64_t>(count));
  const std::int64_t width = std::max(step, static_cast<std::int64_t>(largest / kStepsPerDoubling));
  return (count + width - 1) / width * width;
}

Forest padded(Forest forest, const Padding& padding) {
  INCIPIT_CHECK(padding.target_rows >= 1 && padding.rows >= padding.target_rows &&
                padding.targets >= padding.target_rows);
  INCIPIT_CHECK(forest.row_count(1) == 0, "padding of a forest with two stacks");
  const int adapted_by = forest.adapted_by.empty() ? -1 : forest.adapted_by.front();
  const std::int64_t first = forest.row_count();
  for (std::int64_t i = 0; i < padding.rows; ++i) {
    forest.tokens.push_back(0);
    forest.positions.push_back(0);
    forest.segment_begin.push_back(forest.row_count());
    forest.parent.push_back(-1);
    forest.resident.emplace_back();
    forest.stack.push_back(0);
    forest.adapted_by.push_back(adapted_by);
  }
  forest.padding_rows += padding.rows;
  for (std::int64_t i = 0; i < padding.targets; ++i) {
    const std::int64_t at = std::min(i, padding.target_rows - 1);
    forest.targets.push_back({first + at, static_cast<TokenId>(i - at), 0});
  }
  return forest;
}

}  // namespace incipit
