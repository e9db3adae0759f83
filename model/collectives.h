// Collectives on tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"

namespace incipit::model {

// Sums `values` (contiguous; float32, float64 or bfloat16; any device) over the ranks, in place.
// Collective. bfloat16 is summed in float32 and rounded once where the backend can.
void sum_over(comm::Communicator& ranks, at::Tensor values, comm::Operation purpose);

}  // namespace incipit::model
