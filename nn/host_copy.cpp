#include "nn/host_copy.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "nn/input_buffer.h"

namespace incipit::nn {
namespace {

// A copy from memory that is not pinned is staged before the call returns, so `numbers` may go.
template <typename T>
at::Tensor uploaded(std::span<const T> numbers, at::ScalarType type, at::Device device) {
  if (InputBuffer* const buffer = InputBuffer::collecting()) {
    return buffer->add(std::as_bytes(numbers), type);
  }
  return at::tensor(at::ArrayRef<T>(numbers.data(), numbers.size()), type)
      .to(device, /*non_blocking=*/true);
}

}  // namespace

at::Tensor upload(std::span<const double> numbers, at::Device device) {
  return uploaded(numbers, at::kDouble, device);
}

at::Tensor upload(std::span<const std::int64_t> numbers, at::Device device) {
  return uploaded(numbers, at::kLong, device);
}

at::Tensor upload(std::span<const std::int32_t> numbers, at::Device device) {
  return uploaded(numbers, at::kInt, device);
}

HostCopy::HostCopy(const at::Tensor& values) : host_(values) {
  const at::Device device = values.device();
  if (device.is_cpu()) return;
  host_ = at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(true));
  host_.copy_(values, /*non_blocking=*/true);
  copied_.emplace(device.type());
  copied_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

const at::Tensor& HostCopy::wait(comm::Communicator& ranks, comm::Operation purpose) {
  if (copied_) ranks.wait_until([&] { return copied_->query(); }, purpose);
  copied_.reset();
  return host_;
}

}  // namespace incipit::nn
