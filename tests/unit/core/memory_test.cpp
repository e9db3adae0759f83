#include "core/memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace incipit {
namespace {

TEST(ResidentMemory, GrowsWithWhatIsTouchedAndRemembersTheMost) {
  constexpr double kBytes = 64 << 20;
  const MemoryUse before = resident_memory();
  {
    const std::vector<char> held(static_cast<std::size_t>(kBytes), 1);
    const MemoryUse with = resident_memory();
    EXPECT_GT(with.bytes, before.bytes + 0.9 * kBytes);
    EXPECT_GE(with.peak_bytes, with.bytes);
    EXPECT_EQ(held.back(), 1);
  }
  const MemoryUse after = resident_memory();
  EXPECT_GT(after.peak_bytes, before.bytes + 0.9 * kBytes);
}

}  // namespace
}  // namespace incipit
