// A trainable parameter.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>

#include <string>
#include <utility>

#include "comm/mesh.h"

namespace incipit::trainer {

// A trainable tensor and its gradient: float32, contiguous, in host memory. Copies share both.
// Every rank has the value, and it is the same on all ranks after every step.
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
  // The mesh dimensions over which gradients are partial and must be summed. A soft prompt's
  // gradients are partial over the shares of the batch. With pipeline stages, only the first stage
  // has them.
  comm::MeshDimensions partial_over;
};

}  // namespace incipit::trainer
