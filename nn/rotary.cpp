#include "nn/rotary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "nn/device_path.h"

namespace incipit::nn {
namespace {

double stretch(double frequency, const Llama3RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < scaling.original_max_positions / scaling.high_freq_factor) return frequency;
  if (wavelength > scaling.original_max_positions / scaling.low_freq_factor) {
    return frequency / scaling.factor;
  }
  const double smooth = (scaling.original_max_positions / wavelength - scaling.low_freq_factor) /
                        (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

}  // namespace

// 1 / theta^(2i / head_dim), with Llama 3.1's scaling of the low frequencies.
Rotary::Rotary(const RotarySpec& spec, at::Device device, at::ScalarType type) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < spec.head_dim / 2; ++i) {
    // In float32, as the reference implementation computes it.
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.head_dim);
    const float frequency = 1.0F / std::pow(static_cast<float>(spec.theta), exponent);
    values.push_back(spec.scaling ? stretch(frequency, *spec.scaling) : frequency);
  }
  inverse_frequencies_ = at::tensor(values, at::kDouble).to(device, type);
}

ops::RotaryTable Rotary::table(std::int64_t count) const {
  const std::int64_t half = inverse_frequencies_.size(0);
  if (const DevicePath* const path = device_path(inverse_frequencies_)) {
    const auto make = [&] { return at::empty({count, half}, inverse_frequencies_.options()); };
    const ops::RotaryTable table{make(), make()};
    launch(*path, table.cos, path->kernels->rotary_table,
           kernels::cuda::RotaryTable{count, half, inverse_frequencies_.const_data_ptr<float>(),
                                      table.cos.mutable_data_ptr<float>(),
                                      table.sin.mutable_data_ptr<float>()});
    return table;
  }
  const at::Tensor angles =
      at::arange(count, inverse_frequencies_.options()).unsqueeze(1) * inverse_frequencies_;
  return {angles.cos(), angles.sin()};
}

}  // namespace incipit::nn
