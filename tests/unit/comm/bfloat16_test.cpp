#include "comm/bfloat16.h"

#include <gtest/gtest.h>

#include <limits>

namespace incipit::comm {
namespace {

TEST(BFloat16, KeepsWhatItCanHold) {
  for (const float value : {0.0f, -0.0f, 1.0f, -2.5f, 0x1.fep127f, 0x1p-130f}) {
    EXPECT_EQ(to_float(to_bfloat16(value)), value);
  }
  EXPECT_TRUE(std::signbit(to_float(to_bfloat16(-0.0f))));
}

TEST(BFloat16, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(to_float(to_bfloat16(1.0f + 0x1p-8f)), 1.0f);            // a tie, down to even
  EXPECT_EQ(to_float(to_bfloat16(1.0f + 0x3p-8f)), 1.0f + 0x4p-8f);  // a tie, up to even
  EXPECT_EQ(to_float(to_bfloat16(1.0f + 0x1.1p-8f)), 1.0f + 0x1p-7f);
}

TEST(BFloat16, KeepsInfinityAndNotANumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_float(to_bfloat16(kInfinity)), kInfinity);
  EXPECT_EQ(to_float(to_bfloat16(std::numeric_limits<float>::max())), kInfinity);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace incipit::comm
