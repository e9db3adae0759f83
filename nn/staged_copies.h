// Copies from pageable host memory, such as mapped files, to a device.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <array>
#include <cstdint>
#include <optional>

namespace incipit::nn {

// Copies through two pinned buffers: while the device receives one, the host fills the other. The
// host waits only for a buffer that it fills again.
class StagedCopies {
 public:
  static constexpr std::int64_t kBufferBytes = std::int64_t{64} << 20;

  // On the CPU, for tests: the buffers are not pinned, and copies return when they are done.
  explicit StagedCopies(at::Device device, std::int64_t buffer_bytes = kBufferBytes);

  // Copies `from`, on the CPU, to `to`, on the device: equal sizes, any dtypes and strides. When it
  // returns, `from` has been read, and later work on the current stream sees the values in `to`.
  void copy(const at::Tensor& from, const at::Tensor& to);

 private:
  struct Buffer {
    at::Tensor bytes;
    std::optional<c10::Event> received;  // by the device, since the buffer was filled last
  };
  // Returns memory for a tensor like `part`, on the host.
  [[nodiscard]] at::Tensor memory_for(const at::Tensor& part);
  void change_buffer();

  const at::Device device_;
  std::array<Buffer, 2> buffers_;
  std::size_t current_ = 0;
  std::int64_t used_ = 0;  // bytes of the current buffer
};

}  // namespace incipit::nn
