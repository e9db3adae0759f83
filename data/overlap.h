// Finds examples that occur in two splits.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/dataset.h"

namespace incipit::data {

// Two examples are the same if their whole source texts are equal, and so are the candidates of
// their records, if any. Labels do not matter.
struct Overlap {
  std::int64_t count = 0;  // examples of the later split that occur in the earlier one
  std::vector<std::pair<std::int64_t, std::int64_t>> first;  // lines in later, earlier
};

[[nodiscard]] Overlap find_overlap(const Dataset& earlier, const Dataset& later);

// Returns the groups of `dataset` (Dataset::groups), merging groups that contain the same example,
// so that splitting between them causes no overlap. Numbered from 0 in order of first occurrence.
[[nodiscard]] std::vector<std::int64_t> groups_with_duplicates(const Dataset& dataset);

}  // namespace incipit::data
