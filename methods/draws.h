// Random initial values of trainable tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/random.h"

namespace incipit::methods {

// Draws float32 tensors one after the other from one random stream. On the meta device nothing is
// drawn.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream, at::Device device)
      : random_(seed, stream), device_(device) {}

  // N(0, deviation^2).
  [[nodiscard]] at::Tensor normal(at::IntArrayRef shape, double deviation);
  // Uniform in [-bound, bound).
  [[nodiscard]] at::Tensor uniform(at::IntArrayRef shape, double bound);

 private:
  Random random_;
  at::Device device_;
};

}  // namespace incipit::methods
