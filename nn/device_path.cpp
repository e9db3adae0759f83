#include "nn/device_path.h"

#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <string>

#include "core/check.h"
#include "core/error.h"
#include "core/log.h"
#include "kernels/cuda/module.h"

namespace incipit::nn {
namespace {

const DevicePath*& cpu_path() {
  static const DevicePath* path = nullptr;
  return path;
}

const DevicePath* cuda_path() {
  static const DevicePath path{kernels::cuda::module().table, cuda_flash_forward,
                               cuda_flash_backward, has_cuda_flash};
  if (path.kernels != nullptr) return &path;
  static const bool warned = [] {
    log::warn("{}; libtorch's operations take their place, several times slower",
              kernels::cuda::module().problem);
    return true;
  }();
  static_cast<void>(warned);
  return nullptr;
}

}  // namespace

const DevicePath* device_path(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? nullptr : device_path(x.device());
}

const DevicePath* device_path(at::Device device) {
  if (device.is_cuda()) return cuda_path();
  return device.is_cpu() ? cpu_path() : nullptr;
}

void set_cpu_path(const DevicePath* path) { cpu_path() = path; }

kernels::cuda::Launch launch_for(const at::Tensor& x) {
  using kernels::cuda::Type;
  kernels::cuda::Launch to;
  switch (x.scalar_type()) {
    case at::kFloat:
      to.type = Type::kFloat32;
      break;
    case at::kBFloat16:
      to.type = Type::kBFloat16;
      break;
    case at::kHalf:
      to.type = Type::kFloat16;
      break;
    default:
      INCIPIT_CHECK(false, "a kernel for ", toString(x.scalar_type()));
  }
  to.stream = current_stream(x.device());
  return to;
}

void* current_stream(at::Device device) {
  if (!device.is_cuda()) return nullptr;
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

void check_launch(const DevicePath& path) {
  if (const char* const message = path.kernels->last_error()) {
    throw LogicError(std::string("a GPU kernel was not launched: ") + message);
  }
}

kernels::cuda::Input input_of(const at::Tensor& x) {
  return {x.const_data_ptr(), x.dim() == 0 ? 0 : x.stride(0)};
}

kernels::cuda::Output output_of(const at::Tensor& x) {
  return {x.mutable_data_ptr(), x.dim() == 0 ? 0 : x.stride(0)};
}

FlashResult cuda_flash_forward(const FlashCall& c) {
  auto [output, lse, rng, unused, debug] = at::_flash_attention_forward(
      c.queries, c.keys, c.values, c.query_ends, c.key_ends, c.longest_queries, c.longest_keys, 0.0,
      c.causal, false, c.scale);
  return {output, lse};
}

FlashGradients cuda_flash_backward(const FlashCall& c, const at::Tensor& grad,
                                   const FlashResult& merged) {
  // State of the dropout generator, which is not read, since there is no dropout.
  const at::Tensor rng = at::empty({2}, c.queries.options().dtype(at::kUInt64));
  const at::Tensor unused = at::empty({0}, c.queries.options().dtype(at::kLong));
  auto [queries, keys, values] = at::_flash_attention_backward(
      grad, c.queries, c.keys, c.values, merged.output, merged.lse, c.query_ends, c.key_ends,
      c.longest_queries, c.longest_keys, 0.0, c.causal, rng, unused, c.scale);
  return {queries, keys, values};
}

bool has_cuda_flash(at::ScalarType type, std::int64_t head_dim) {
  return (type == at::kBFloat16 || type == at::kHalf) && head_dim % 8 == 0 && head_dim <= 256;
}

}  // namespace incipit::nn
