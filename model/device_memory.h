// The memory that a backbone's device has in use for this process.
#pragma once

#include <c10/core/Device.h>

#include "core/memory.h"

namespace incipit::model {

// The resident set on the CPU; what libtorch's caching allocator has handed out elsewhere.
[[nodiscard]] MemoryUse device_memory(c10::Device device);

}  // namespace incipit::model
