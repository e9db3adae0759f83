// Times of the work on a device, for the phases of a step (core/phase.h).
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "core/phase.h"

namespace incipit::nn {

// Returns a clock of events on the current stream of a GPU. Returns null where operations return
// with their results, as on the CPU. Marks within a captured graph cannot be read.
[[nodiscard]] std::unique_ptr<DeviceClock> make_device_clock(c10::Device device);

}  // namespace incipit::nn
