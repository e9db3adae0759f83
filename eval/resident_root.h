// Removes the beginning that all batches share from a batch's forest.
#pragma once

#include <cstdint>

#include "core/forest.h"

namespace incipit::eval {

// Returns the forest with its first `rows` rows, which every path begins with, replaced by resident
// rows [0, rows) of a store. Targets keep their indices. `forest` has one root, perhaps a chain of
// resident segments, followed by one computed segment of at least `rows` rows, and no targets in
// these rows.
[[nodiscard]] Forest with_resident_root(const Forest& forest, std::int64_t rows, int store);

}  // namespace incipit::eval
