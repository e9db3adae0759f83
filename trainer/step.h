// Forward and backward of one rank's share of a batch, in micro-batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"
#include "trainer/objective.h"

namespace incipit::trainer {

// How a rank's share of a batch is cut into micro-batches.
struct MicroBatches {
  std::int64_t max_rows = 1;  // of one of them
  int at_least = 1;           // so many, where the examples allow it
};

// What this rank adds to the totals of the step: with pipeline stages, the last one all of it.
struct StepSums {
  double loss = 0;                        // summed; divide by the global count
  double count = 0;                       // Objective::count()
  std::int64_t rows = 0;                  // computed in the forward pass
  std::vector<double> log_likelihoods{};  // of the forest's targets
};

// Adds the gradient of the objective's summed loss to prompt_gradients[i], with the shape
// of prompts[i] ([rows, hidden]). `forest` may be empty: a rank without examples.
//
// The forest is cut below shared segments into micro-batches: what they share runs once before
// them and is differentiated once after them, so loss and gradient are those of the whole (up
// to rounding), whatever the sizes. Pipeline stages work on different ones at the same time
// (trainer/pipeline_schedule.h); the gradient is then the first stage's. Collective over the
// ranks that hold the model together; all stages pass the same forest and objective.
[[nodiscard]] StepSums forward_backward(const model::Backbone& backbone, const Forest& forest,
                                        const Objective& objective,
                                        std::span<const at::Tensor> prompts,
                                        std::span<at::Tensor> prompt_gradients,
                                        const MicroBatches& micro_batches);

}  // namespace incipit::trainer
