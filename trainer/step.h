// Forward and backward of one rank's share of a batch, in micro-batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/forest.h"
#include "methods/prompted_model.h"
#include "trainer/objective.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

// How a rank's share of a batch is split into micro-batches.
struct MicroBatches {
  std::int64_t max_rows = 1;  // per micro-batch
  int at_least = 1;           // minimum number, if there are enough examples
  bool recompute = false;     // model::ForestPassOptions::recompute
};

// Returns how the options split it on one of `stages` pipeline stages.
[[nodiscard]] MicroBatches micro_batches(const TrainOptions& options, int stages);

// This rank's contribution to the totals of the step. With pipeline stages, only the last stage
// contributes; the others have zeros. The tensors are on the backbone's device.
struct StepSums {
  at::Tensor loss{};             // [] float64: sum; divide by the global count
  double count = 0;              // Objective::count()
  std::int64_t rows = 0;         // computed in the forward pass
  at::Tensor log_likelihoods{};  // [targets of the forest] float64; with a teacher: divergences
};

// Runs forward and backward on this rank's share of a batch. Adds the gradient of the objective's
// summed loss to those of the model's prompts (PromptedModel::start_gradients). `forest` may be
// empty: a rank without examples. The objective is on the backbone's device. With a `teacher`
// (model::ForestPassOptions::teacher, of the targets of `forest`), the objective is computed from
// negative divergences in place of log-likelihoods.
//
// The forest is cut below shared segments into micro-batches. Shared segments run forward once
// before them and backward once after them. Loss and gradient therefore equal those of the whole
// forest (up to rounding) for any micro-batch size. Where many prompts would make the shared
// segments larger than a micro-batch, some prompts' sequences run after the others'
// (cut_into_parts()). Pipeline stages work on different micro-batches at the same time
// (trainer/pipeline_schedule.h). Collective over the ranks that share one copy of the model. All
// stages pass the same forest and objective.
[[nodiscard]] StepSums forward_backward(const methods::PromptedModel& model, const Forest& forest,
                                        const Objective& objective,
                                        const MicroBatches& micro_batches,
                                        const at::Tensor& teacher = {});

}  // namespace incipit::trainer
