// Rotary position embeddings (Su et al. 2021).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/kinds.h"
#include "nn/ops.h"

namespace incipit::nn {

class Rotary {
 public:
  // Angles are computed on `device` in `type`: float32, or float64 for a float64 model.
  Rotary(const RotarySpec& spec, at::Device device, at::ScalarType type);
  // Returns the cosines and sines for positions [0, count).
  [[nodiscard]] ops::RotaryTable table(std::int64_t count) const;

 private:
  at::Tensor inverse_frequencies_;  // [head_dim / 2]
};

}  // namespace incipit::nn
