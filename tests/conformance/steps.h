// Training steps of the conformance tests.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "core/forest.h"
#include "methods/prompted_model.h"
#include "trainer/step.h"

namespace incipit::conformance {

// What a step computed, summed over the ranks.
struct Outcome {
  double loss = 0;
  // Of all parameters of what is trained, by name. Only rank 0 has them.
  std::map<std::string, at::Tensor> gradients;
};

[[nodiscard]] const comm::Mesh& one_rank();

// How a step is computed.
struct StepWay {
  int min_shared_rows = 1;  // see pack()
  std::int64_t max_rows = 1000;
  bool recompute = false;
  bool distils = false;  // the loss is the divergence from a made-up teacher
  const comm::Mesh& mesh = one_rank();
};

// Runs the passes of a step.
trainer::StepSums run_passes(methods::PromptedModel& model, const std::vector<Sequence>& batch,
                             const StepWay& way = {});

// Runs one step on this rank's part of the mesh. Checks that ranks that should have the same
// gradients have them.
[[nodiscard]] Outcome step(methods::PromptedModel& model, const std::vector<Sequence>& batch,
                           const StepWay& way = {});

}  // namespace incipit::conformance
