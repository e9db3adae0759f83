#include "comm/activity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace incipit::comm {
namespace {

TEST(Activity, NamesTheInnermostScopeAndRestoresTheOuter) {
  Activity activity;
  activity.set_step(3);
  EXPECT_EQ(activity.read().describe(), "step 3, in start");
  {
    const Activity::Scope outer(activity, "training");
    {
      const Activity::Scope inner(activity, "forward");
      EXPECT_EQ(activity.read().describe(), "step 3, in forward");
    }
    EXPECT_EQ(activity.read().describe(), "step 3, in training");
  }
  EXPECT_EQ(activity.read().describe(), "step 3, in start");
}

TEST(Activity, RemembersTheLastCollective) {
  Activity activity;
  const Activity::Scope scope(activity, "forward");
  {
    const Activity::CollectiveScope collective(activity, {"all_reduce_sum", "gradients"});
    EXPECT_EQ(activity.read().describe(), "step 0, in gradients (all_reduce_sum)");
  }
  EXPECT_EQ(activity.read().describe(),
            "step 0, in forward, last collective gradients (all_reduce_sum)");
}

TEST(Activity, GoesOnNamingTheCollectiveThatFailed) {
  Activity activity;
  try {
    const Activity::CollectiveScope collective(activity, {"all_reduce_sum", "gradients"});
    throw 1;
  } catch (int) {
  }
  EXPECT_EQ(activity.read().describe(), "step 0, in gradients (all_reduce_sum)");
}

TEST(Activity, EveryReportEndsIdleness) {
  Activity activity;
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_GE(activity.read().idle.count(), 30);
  activity.beat();
  EXPECT_LT(activity.read().idle.count(), 30);
}

}  // namespace
}  // namespace incipit::comm
