// Copies between host and device memory for which the host does not wait.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <optional>
#include <span>

#include "comm/communicator.h"

namespace incipit::nn {

// Return the numbers as a tensor on the device, of the dtype that holds them.
[[nodiscard]] at::Tensor upload(std::span<const double> numbers, at::Device device);
[[nodiscard]] at::Tensor upload(std::span<const std::int64_t> numbers, at::Device device);
[[nodiscard]] at::Tensor upload(std::span<const std::int32_t> numbers, at::Device device);

// Whether the host runs ahead of the device: operations return before their results exist.
[[nodiscard]] inline bool runs_ahead_of(at::Device device) {
  return !device.is_cpu() && !device.is_meta();
}

// A tensor on its way to host memory.
class HostCopy {
 public:
  // Starts the copy, after the work on the device that was enqueued before. On the CPU, shares
  // memory with `values`.
  explicit HostCopy(const at::Tensor& values);

  // Waits for the copy and returns it. Throws CommError when collectives before it failed or the
  // timeout of `ranks` passed. Not collective.
  [[nodiscard]] const at::Tensor& wait(comm::Communicator& ranks, comm::Operation purpose);

 private:
  at::Tensor host_;
  std::optional<c10::Event> copied_;  // nothing where the values were already on the host
};

// Returns the values in host memory, like HostCopy.
[[nodiscard]] inline at::Tensor to_host(const at::Tensor& values, comm::Communicator& ranks,
                                        comm::Operation purpose) {
  return HostCopy(values).wait(ranks, purpose);
}

}  // namespace incipit::nn
