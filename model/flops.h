// How many floating-point operations a step needs, and how many a device can do.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/forest.h"
#include "model/config.h"

namespace incipit::model {

// Operations (a multiplication and an addition are two) of the matrix products in forward and
// backward of `forest` for the gradient of its soft prompts: no weight gradients, logits at target
// rows only, in the last layer keys and values of all rows and the rest at target rows only. What
// is computed again for want of memory is not needed and does not count. Resident rows are
// attended to, not computed.
[[nodiscard]] double training_flops(const TransformerConfig& config, const Forest& forest);

// Operations a second in large matrix products, with the threads this process has: the best of
// several, in about a quarter of a second.
[[nodiscard]] double measured_peak_flops(at::ScalarType dtype, at::Device device);

}  // namespace incipit::model
