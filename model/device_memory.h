// The memory that this process uses on a backbone's device.
#pragma once

#include <c10/core/Device.h>

#include "core/memory.h"

namespace incipit::model {

// Returns the resident set size on the CPU, and the memory allocated by libtorch's caching
// allocator on other devices.
[[nodiscard]] MemoryUse device_memory(c10::Device device);

}  // namespace incipit::model
