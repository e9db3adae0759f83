#include "model/device_memory.h"

#include <c10/core/CachingDeviceAllocator.h>

namespace incipit::model {

MemoryUse device_memory(c10::Device device) {
  if (device.is_cpu()) return resident_memory();
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto& bytes = stats.allocated_bytes[kAll];
  return {.bytes = static_cast<double>(bytes.current),
          .peak_bytes = static_cast<double>(bytes.peak)};
}

std::int64_t driver_allocations(c10::Device device) {
  if (device.is_cpu()) return 0;
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).num_device_alloc;
}

void reset_peak_memory(c10::Device device) {
  if (!device.is_cpu()) c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

}  // namespace incipit::model
