// The index arrays of a pass in one buffer, so that a later pass can take the same device memory.
//
//   InputBuffer first(device);
//   { const InputBuffer::Collect scope(first); ... upload() ... }  // only collects
//   first.allocate();
//   { const InputBuffer::Collect scope(first); ... upload() ... }  // returns views of the buffer
//
// Another buffer that collected arrays of the same layout can then be copied into the first.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace incipit::nn {

class InputBuffer {
 public:
  explicit InputBuffer(at::Device device) : device_(device) {}

  // While it exists, upload() in this thread adds its arrays to the buffer, from its beginning.
  class Collect {
   public:
    explicit Collect(InputBuffer& buffer);
    ~Collect();
    Collect(const Collect&) = delete;
    Collect& operator=(const Collect&) = delete;
  };
  // While it exists, upload() in this thread throws LogicError: work that is captured reads its
  // numbers from memory of the device.
  class Forbid {
   public:
    Forbid();
    ~Forbid();
    Forbid(const Forbid&) = delete;
    Forbid& operator=(const Forbid&) = delete;
  };

  // Returns the buffer that collects in this thread, or null. Throws LogicError within Forbid.
  [[nodiscard]] static InputBuffer* collecting();

  // Adds an array, and returns it: in the buffer if that was allocated, else in host memory.
  [[nodiscard]] at::Tensor add(std::span<const std::byte> numbers, at::ScalarType type);

  // Returns type and size of each array, in order.
  [[nodiscard]] const std::vector<std::int64_t>& layout() const { return layout_; }
  // Allocates memory of the device for what was collected.
  void allocate();
  // Enqueues one copy of the arrays that `from` collected into the memory of this buffer.
  void fill(const InputBuffer& from);
  [[nodiscard]] const at::Tensor& memory() const { return memory_; }

 private:
  at::Device device_;
  std::vector<std::byte> host_;
  std::vector<std::int64_t> layout_;
  at::Tensor memory_;  // bytes on the device
};

}  // namespace incipit::nn
