// A training step on the device of the model.
//
//   prompted forward -> loss sum -> backward -> reduce -> optimizer
//
// The host starts the work and reads nothing: the numbers of a step stay on the device until the
// host reads them all at once (StepNumbers). Whether they are finite is decided there too.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "comm/mesh.h"
#include "core/forest.h"
#include "methods/prompted_model.h"
#include "trainer/objective.h"
#include "trainer/optimizer.h"
#include "trainer/step.h"

namespace incipit::trainer {

// This rank's share of a batch.
struct StepBatch {
  const Forest& forest;
  std::int64_t examples = 0;
  std::unique_ptr<Objective> objective;
  // Of the examples of each task; empty in a run of one task.
  std::vector<std::unique_ptr<Objective>> tasks{};
  at::Tensor teacher{};  // see forward_backward()
};

struct StepSettings {
  MicroBatches micro_batches;
  double learning_rate = 0;
  double max_grad_norm = 0;  // 0: no clipping
  // Each prompt is trained as in a separate run, whose batch is its task's examples: its loss is
  // their mean, its gradient is clipped by its own norm, and it rests alone if these are not
  // finite. Needs StepBatch::tasks.
  bool separate = false;
};

// What the host reads of a step: numbers of the global batch, equal on all ranks.
struct StepNumbers {
  struct TaskLoss {
    double sum = 0;
    double count = 0;  // 0: the task has no examples in the batch
  };
  double loss = 0;       // mean over the target tokens, or over the examples
  double grad_norm = 0;  // before clipping
  std::int64_t tokens = 0;
  std::int64_t examples = 0;
  // Loss and gradient are finite; if not, nothing was updated. Of separate prompts: of one at
  // least, and the numbers above are of those with finite ones.
  bool finite = true;
  std::vector<TaskLoss> tasks{};

  // Reads the result of run_step() from host memory.
  explicit StepNumbers(const at::Tensor& host);
};

// Runs a step and updates the parameters of `model`, of which `optimizer` has a group for each
// prompt, in order. With several prompts and `batch.tasks`, task i is that of prompt i, and a
// prompt without examples in the global batch stays as it was. So do all if the loss or a gradient
// is not finite on any rank. Returns the numbers of the step, float64 on the device of the model.
// Reads nothing from the device. Collective over the mesh.
[[nodiscard]] at::Tensor run_step(methods::PromptedModel& model, Optimizer& optimizer,
                                  const comm::Mesh& mesh, const StepBatch& batch,
                                  const StepSettings& settings);

}  // namespace incipit::trainer
