// The path of a GPU, run on the host: the kernels of CUDA devices (tests/support/host_kernels.h)
// and flash attention by its definition.
#pragma once

#include <vector>

#include "nn/device_path.h"

namespace incipit::testing {

// Lets tensors of the CPU take the path of a GPU while it exists.
class HostPath {
 public:
  // Without flash attention, the plain kernels take its place.
  explicit HostPath(bool has_flash = true);
  ~HostPath();
  HostPath(const HostPath&) = delete;
  HostPath& operator=(const HostPath&) = delete;
};

// Returns the number of flash calls so far, forward and backward.
struct FlashCalls {
  int forward = 0;
  int backward = 0;
};
[[nodiscard]] FlashCalls flash_calls();

}  // namespace incipit::testing
