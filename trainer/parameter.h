// What a run learns.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>

#include <string>
#include <utility>

#include "comm/mesh.h"

namespace incipit::trainer {

// A trainable tensor and its gradient, float32, contiguous, in host memory. A copy shares
// both. Every rank holds the value; it is the same everywhere after every step.
struct Parameter {
  Parameter(std::string name_, at::Tensor value_,
            comm::MeshDimensions partial_over_ = comm::kBatch | comm::kPipeline)
      : name(std::move(name_)),
        value(std::move(value_)),
        grad(at::zeros_like(value)),
        partial_over(partial_over_) {}

  std::string name;
  at::Tensor value;
  at::Tensor grad;
  // The ranks whose gradients are parts of the whole one: a soft prompt's are those of the
  // shares of the batch and, where stages split the layers, all on the first stage.
  comm::MeshDimensions partial_over;
};

}  // namespace incipit::trainer
