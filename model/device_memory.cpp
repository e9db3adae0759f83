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

}  // namespace incipit::model
