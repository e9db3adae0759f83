// Taking the beginning that all batches share out of each of them.
#pragma once

#include <cstdint>

#include "core/forest.h"

namespace incipit::eval {

// The forest whose first `rows` rows, which every path begins with, are resident rows
// [0, rows) instead of computed ones. Targets keep their indices. `forest` has one root of
// at least `rows` rows, no resident segments, and no targets in these rows.
[[nodiscard]] Forest with_resident_root(const Forest& forest, std::int64_t rows);

}  // namespace incipit::eval
