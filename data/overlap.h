// Examples that occur in two splits.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/dataset.h"

namespace incipit::data {

// Two examples are the same when the whole texts of their sources are, and their candidates, where
// records bring some along; whatever their labels.
struct Overlap {
  std::int64_t count = 0;  // examples of the later split that occur in the earlier one
  std::vector<std::pair<std::int64_t, std::int64_t>> first;  // lines in the later, the earlier one
};

[[nodiscard]] Overlap find_overlap(const Dataset& earlier, const Dataset& later);

// Groups of `dataset` (Dataset::groups), of which those that hold the same example are one: what
// may be divided without an overlap. Numbered from 0 in order of first occurrence.
[[nodiscard]] std::vector<std::int64_t> groups_with_duplicates(const Dataset& dataset);

}  // namespace incipit::data
