// The floating-point operations that a step needs, and the peak FLOP/s of a device.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/forest.h"
#include "model/spec.h"

namespace incipit::model {

// Returns the FLOPs (a multiply-add counts as two) of the matmuls in the forward and backward pass
// of `forest`, for the gradient of its soft prompts. There are no weight gradients; logits exist
// only at target rows; the last layer computes keys and values of all rows and everything else only
// at target rows. Recomputation to save memory does not count. Resident rows are attended to, not
// computed.
[[nodiscard]] double training_flops(const ModelSpec& spec, const Forest& forest);

// Measures the FLOP/s of large matmuls with this process's threads. Returns the best of several
// runs; takes about a quarter of a second.
[[nodiscard]] double measured_peak_flops(at::ScalarType dtype, at::Device device);

}  // namespace incipit::model
