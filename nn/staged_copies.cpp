#include "nn/staged_copies.h"

#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "core/check.h"

namespace incipit::nn {
namespace {

// Tensors in a buffer start at multiples of this many bytes.
constexpr std::int64_t kBufferAlignment = 64;

}  // namespace

StagedCopies::StagedCopies(at::Device device, std::int64_t buffer_bytes) : device_(device) {
  for (Buffer& buffer : buffers_) {
    buffer.bytes = at::empty({buffer_bytes},
                             at::TensorOptions().dtype(at::kByte).pinned_memory(!device.is_cpu()));
  }
}

void StagedCopies::change_buffer() {
  if (!device_.is_cpu()) {
    Buffer& filled = buffers_[current_];
    if (!filled.received) filled.received.emplace(device_.type());
    filled.received->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  current_ = 1 - current_;
  used_ = 0;
  if (buffers_[current_].received) buffers_[current_].received->synchronize();
}

at::Tensor StagedCopies::memory_for(const at::Tensor& part) {
  const auto bytes = static_cast<std::int64_t>(part.nbytes());
  if (used_ + bytes > buffers_[current_].bytes.numel()) change_buffer();
  const at::Tensor memory = buffers_[current_].bytes.narrow(0, used_, bytes);
  used_ = std::min((used_ + bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment,
                   buffers_[current_].bytes.numel());
  return memory.view(part.scalar_type()).view(part.sizes());
}

void StagedCopies::copy(const at::Tensor& from, const at::Tensor& to) {
  INCIPIT_CHECK(from.sizes() == to.sizes() && from.dim() > 0);
  if (to.numel() == 0) return;
  const std::int64_t rows = to.size(0);
  const std::int64_t row_bytes = static_cast<std::int64_t>(to.nbytes()) / rows;
  const std::int64_t most = buffers_[0].bytes.numel() / row_bytes;  // rows in a buffer
  if (most == 0) {
    to.copy_(from);
    return;
  }
  for (std::int64_t row = 0; row < rows; row += most) {
    const std::int64_t count = std::min(most, rows - row);
    const at::Tensor part = to.narrow(0, row, count);
    const at::Tensor staged = memory_for(part);
    staged.copy_(from.narrow(0, row, count));
    part.copy_(staged, /*non_blocking=*/true);
  }
}

}  // namespace incipit::nn
