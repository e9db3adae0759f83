#include "trainer/early_stop.h"

#include <gtest/gtest.h>

namespace incipit::trainer {
namespace {

TEST(EarlyStop, RemembersTheEarliestOfTheBest) {
  EarlyStop stop({});
  EXPECT_TRUE(stop.update(10, 0.5));
  EXPECT_FALSE(stop.update(20, 0.5));
  EXPECT_TRUE(stop.update(30, 0.6));
  EXPECT_FALSE(stop.update(40, 0.1));
  EXPECT_EQ(stop.best_step(), 30);
  EXPECT_EQ(stop.best_score(), 0.6);
}

TEST(EarlyStop, EndsAfterPatienceEvaluationsWithoutARise) {
  EarlyStop stop({.patience = 2});
  stop.update(1, 0.5);
  stop.update(2, 0.4);
  EXPECT_FALSE(stop.exhausted());
  stop.update(3, 0.6);
  stop.update(4, 0.6);
  EXPECT_FALSE(stop.exhausted());
  stop.update(5, 0.6);
  EXPECT_TRUE(stop.exhausted());
}

TEST(EarlyStop, ARiseBelowMinGainIsTheBestButDoesNotCount) {
  EarlyStop stop({.patience = 2, .min_gain = 0.1});
  stop.update(1, 0.50);
  EXPECT_TRUE(stop.update(2, 0.55));
  EXPECT_FALSE(stop.exhausted());
  EXPECT_TRUE(stop.update(3, 0.59));
  EXPECT_TRUE(stop.exhausted());
}

TEST(EarlyStop, WithoutPatienceNeverEnds) {
  EarlyStop stop({});
  for (int step = 0; step < 100; ++step) stop.update(step, -step);
  EXPECT_FALSE(stop.exhausted());
}

}  // namespace
}  // namespace incipit::trainer
