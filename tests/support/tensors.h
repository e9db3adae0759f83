// Small tensors for tests, and their numbers.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <vector>

namespace incipit::testing {

// A float32 tensor of `shape` with these numbers in row-major order.
inline at::Tensor floats(at::IntArrayRef shape, const std::vector<float>& numbers) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.mutable_data_ptr<float>()[i] = numbers.at(static_cast<std::size_t>(i));
  }
  return tensor;
}

// The tensor's numbers in row-major order.
inline std::vector<float> numbers(const at::Tensor& tensor) {
  const at::Tensor local = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* data = local.const_data_ptr<float>();
  return {data, data + local.numel()};
}

}  // namespace incipit::testing
