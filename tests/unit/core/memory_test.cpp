#include "core/memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
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

TEST(AvailableMemory, IsThereAndLessThanTheMachineHas) {
  std::ifstream info("/proc/meminfo");
  double kibibytes = 0;
  for (std::string word; info >> word;) {
    double value = 0;
    if ((word == "MemTotal:" || word == "SwapTotal:") && info >> value) kibibytes += value;
  }
  EXPECT_GT(available_memory(), 0);
  EXPECT_LT(available_memory(), 1024 * kibibytes);
}

}  // namespace
}  // namespace incipit
