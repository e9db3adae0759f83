// Removes the beginning that all batches share from a batch's forest.
#pragma once

#include <span>

#include "core/forest.h"

namespace incipit::eval {

// Returns the forest with its first rows, which every path begins with, replaced by resident rows:
// `chain` names as many rows, in this order. Targets keep their indices. `forest` has one root,
// perhaps a chain of resident segments, followed by one computed segment of at least as many rows
// as `chain`, and no targets in these rows. No element of `chain` is empty.
[[nodiscard]] Forest with_resident_root(const Forest& forest, std::span<const ResidentRows> chain);

}  // namespace incipit::eval
