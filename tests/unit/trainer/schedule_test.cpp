#include "trainer/schedule.h"

#include <gtest/gtest.h>

namespace incipit::trainer {
namespace {

TEST(Schedule, ConstantStaysAtTheRate) {
  EXPECT_DOUBLE_EQ(schedule_factor({}, 0, 10), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor({}, 9, 10), 1.0);
}

TEST(Schedule, WarmUpRisesInEqualStepsToTheFullRate) {
  const ScheduleOptions options{.kind = ScheduleKind::kConstant, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(schedule_factor(options, 0, 10), 0.25);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 2, 10), 0.75);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 3, 10), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 4, 10), 1.0);
}

TEST(Schedule, LinearFallsToTheFinalRatioOverTheStepsAfterWarmUp) {
  const ScheduleOptions options{
      .kind = ScheduleKind::kLinear, .warmup_steps = 2, .final_ratio = 0.2};
  EXPECT_DOUBLE_EQ(schedule_factor(options, 2, 10), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 6, 10), 0.6);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 10, 10), 0.2);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 99, 10), 0.2);
}

TEST(Schedule, CosineIsHalfwayInTheMiddle) {
  const ScheduleOptions options{.kind = ScheduleKind::kCosine};
  EXPECT_DOUBLE_EQ(schedule_factor(options, 0, 8), 1.0);
  EXPECT_NEAR(schedule_factor(options, 2, 8), 0.8535533905932737, 1e-15);
  EXPECT_NEAR(schedule_factor(options, 4, 8), 0.5, 1e-15);
  EXPECT_NEAR(schedule_factor(options, 8, 8), 0.0, 1e-15);
}

TEST(Schedule, WarmUpAsLongAsTheRunNeverDividesByZero) {
  const ScheduleOptions options{.kind = ScheduleKind::kLinear, .warmup_steps = 5};
  EXPECT_DOUBLE_EQ(schedule_factor(options, 4, 5), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 5, 5), 1.0);
}

}  // namespace
}  // namespace incipit::trainer
