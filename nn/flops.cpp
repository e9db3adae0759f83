#include "nn/flops.h"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "nn/matmul.h"

namespace incipit::nn {
namespace {

thread_local double counted = 0;
thread_local bool recomputes = false;

}  // namespace

double counted_flops() { return counted; }

void count_flops(double flops) {
  if (!recomputes) counted += flops;
}

Recomputation::Recomputation() : outer_(recomputes) { recomputes = true; }
Recomputation::~Recomputation() { recomputes = outer_; }

double measured_peak_flops(at::ScalarType dtype, at::Device device) {
  using Clock = std::chrono::steady_clock;
  constexpr double kSeconds = 0.2;
  const std::int64_t size = device.is_cpu() ? 1024 : 8192;
  const at::Tensor a = at::ones({size, size}, at::TensorOptions(dtype).device(device));
  const double flops = 2 * std::pow(static_cast<double>(size), 3);
  const auto begin = Clock::now();
  double best = 0;
  do {
    const auto start = Clock::now();
    // Reading a number waits for the device.
    static_cast<void>(matmul_nt(a, a)[0][0].item<float>());
    const std::chrono::duration<double> taken = Clock::now() - start;
    best = std::max(best, flops / taken.count());
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < kSeconds);
  return best;
}

}  // namespace incipit::nn
