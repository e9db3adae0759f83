// The kernels of CUDA devices with their blocks run on the host, for tests.
#pragma once

#include <cstdint>

#include "kernels/cuda/table.h"

namespace incipit::testing {

// Returns the table of kernels whose blocks run on the host, one after the other. A launch is
// finished when its call returns.
[[nodiscard]] const kernels::cuda::Table& host_kernels();

// Whether the blocks, and the threads of each phase of a block, run in reverse order. Results that
// differ show a race.
void run_backwards(bool backwards);

// Returns the number of launches so far.
[[nodiscard]] std::int64_t host_launches();

}  // namespace incipit::testing
