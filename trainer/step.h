// Forward and backward of one rank's share of a batch, in micro-batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/forest.h"
#include "model/backbone.h"
#include "trainer/objective.h"

namespace incipit::trainer {

struct StepSums {
  double loss = 0;        // summed; divide by the global count
  double count = 0;       // Objective::count()
  std::int64_t rows = 0;  // computed in the forward pass
};

// Adds the gradient of the objective's summed loss to prompt_gradients[i], with the shape
// of prompts[i] ([rows, hidden]). `forest` may be empty: a rank without examples.
//
// The forest is cut below shared segments into micro-batches of at most
// `micro_batch_rows` rows: what they share runs once before them and is differentiated
// once after them, so loss and gradient are those of the whole (up to rounding), whatever
// the size. Not collective.
[[nodiscard]] StepSums forward_backward(const model::Backbone& backbone, const Forest& forest,
                                        const Objective& objective,
                                        std::span<const at::Tensor> prompts,
                                        std::span<at::Tensor> prompt_gradients,
                                        std::int64_t micro_batch_rows);

}  // namespace incipit::trainer
