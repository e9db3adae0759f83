#include "nn/input_buffer.h"

#include <ATen/ops/empty.h>

#include <cstring>

#include "core/check.h"
#include "nn/host_copy.h"

namespace incipit::nn {
namespace {

constexpr std::size_t kArrayAlignment = 16;

thread_local InputBuffer* collector = nullptr;
thread_local bool forbidden = false;

// Returns a tensor of `bytes` of `type`.
at::Tensor numbers_in(const at::Tensor& bytes, at::ScalarType type) { return bytes.view(type); }

// Returns the bytes in host memory, pinned if `pinned`.
at::Tensor host_bytes(std::span<const std::byte> from, bool pinned) {
  at::Tensor bytes =
      at::empty({std::ssize(from)}, at::TensorOptions(at::kByte).pinned_memory(pinned));
  if (!from.empty()) std::memcpy(bytes.mutable_data_ptr(), from.data(), from.size());
  return bytes;
}

}  // namespace

InputBuffer::Collect::Collect(InputBuffer& buffer) {
  INCIPIT_CHECK(collector == nullptr, "a buffer collects already");
  buffer.host_.clear();
  buffer.layout_.clear();
  collector = &buffer;
}

InputBuffer::Collect::~Collect() { collector = nullptr; }

InputBuffer::Forbid::Forbid() { forbidden = true; }

InputBuffer::Forbid::~Forbid() { forbidden = false; }

InputBuffer* InputBuffer::collecting() {
  INCIPIT_CHECK(!forbidden, "captured work uploads an array");
  return collector;
}

at::Tensor InputBuffer::add(std::span<const std::byte> numbers, at::ScalarType type) {
  layout_.push_back(static_cast<std::int64_t>(type));
  layout_.push_back(std::ssize(numbers));
  const std::int64_t begin = std::ssize(host_);
  host_.insert(host_.end(), numbers.begin(), numbers.end());
  host_.resize((host_.size() + kArrayAlignment - 1) / kArrayAlignment * kArrayAlignment);
  if (!memory_.defined()) return numbers_in(host_bytes(numbers, /*pinned=*/false), type);
  return numbers_in(memory_.narrow(0, begin, std::ssize(numbers)), type);
}

void InputBuffer::allocate() {
  memory_ = at::empty({std::ssize(host_)}, at::TensorOptions(device_).dtype(at::kByte));
}

void InputBuffer::fill(const InputBuffer& from) {
  INCIPIT_CHECK(memory_.defined() && from.layout_ == layout_, "arrays of another layout");
  // From memory that is not pinned, a large copy would wait for the work that was enqueued before.
  // libtorch keeps the pinned memory until the copy is done.
  memory_.copy_(host_bytes(from.host_, runs_ahead_of(device_)), /*non_blocking=*/true);
}

}  // namespace incipit::nn
