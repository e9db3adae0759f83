// The memory that this process uses on a backbone's device.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

#include "core/memory.h"

namespace incipit::model {

// Returns the resident set size on the CPU, and the memory allocated by libtorch's caching
// allocator on other devices.
[[nodiscard]] MemoryUse device_memory(c10::Device device);

// Returns how often libtorch's caching allocator has taken memory from the driver, which stops the
// device: in steps of a known size it should not. 0 on the CPU.
[[nodiscard]] std::int64_t driver_allocations(c10::Device device);

// Lets the peak start again at the current use. On the CPU, does nothing.
void reset_peak_memory(c10::Device device);

}  // namespace incipit::model
