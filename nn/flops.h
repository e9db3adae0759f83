// Counts the floating-point operations of matmuls; a multiply-add is two.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

// Returns the operations of this thread's matmuls so far, on any device. Work to save memory by
// computing something again does not count (Recomputation).
[[nodiscard]] double counted_flops();

// Adds to the count. Every function that multiplies matrices calls it.
void count_flops(double flops);

// Nothing that this thread computes within the scope counts.
class Recomputation {
 public:
  Recomputation();
  ~Recomputation();
  Recomputation(const Recomputation&) = delete;
  Recomputation& operator=(const Recomputation&) = delete;

 private:
  bool outer_;
};

// Measures the FLOP/s of large matmuls with this process's threads. Returns the best of several
// runs; takes about a quarter of a second.
[[nodiscard]] double measured_peak_flops(at::ScalarType dtype, at::Device device);

}  // namespace incipit::nn
