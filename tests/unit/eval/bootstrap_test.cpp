#include "eval/bootstrap.h"

#include <gtest/gtest.h>

namespace incipit::eval {
namespace {

std::vector<double> right(int ones, int examples) {
  std::vector<double> scores(static_cast<std::size_t>(examples), 0.0);
  std::fill_n(scores.begin(), ones, 1.0);
  return scores;
}

TEST(Quantile, LiesLinearlyBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.1), 1.3);  // numpy.quantile([1, 2, 3, 4], 0.1)
  EXPECT_DOUBLE_EQ(quantile({5, 7}, 0), 5);
  EXPECT_DOUBLE_EQ(quantile({5, 7}, 1), 7);
  EXPECT_DOUBLE_EQ(quantile({5}, 0.3), 5);
}

// The mean of a resample of 50 right of 100 is binomial: its quantiles are 40 and 60 of 100.
TEST(PairedBootstrap, OfAShareIsBinomial) {
  const PairedBootstrap bootstrap({right(50, 100)});
  const MeanInterval mean = bootstrap.mean(0);
  EXPECT_DOUBLE_EQ(mean.mean, 0.5);
  EXPECT_NEAR(mean.low, 0.40, 0.0101);
  EXPECT_NEAR(mean.high, 0.60, 0.0101);
}

// Two examples of which one gains: a resample gains 0, 1/2 or 1 with chances 1/4, 1/2, 1/4.
TEST(PairedBootstrap, OfTwoExamplesSpansAllThatCanBeDrawn) {
  const PairedBootstrap bootstrap({{1, 1}, {0, 1}});
  const MeanInterval gain = bootstrap.gain(0, 1);
  EXPECT_EQ(gain.mean, 0.5);
  EXPECT_EQ(gain.low, 0);
  EXPECT_EQ(gain.high, 1);
  EXPECT_FALSE(gain.excludes_zero());
}

// Each of the two is as unsure as a share of 400 is, but they differ on 12 examples alone.
TEST(PairedBootstrap, WhatIsHardForBothCancelsOut) {
  std::vector<double> better = right(200, 400);
  std::vector<double> worse = better;
  std::fill_n(better.begin() + 300, 12, 1.0);
  const PairedBootstrap bootstrap({better, worse});
  const MeanInterval gain = bootstrap.gain(0, 1);
  EXPECT_TRUE(gain.excludes_zero());
  EXPECT_GT(gain.low, 0.01);   // binom.ppf(0.025, 400, 0.03) / 400 = 0.015
  EXPECT_LT(gain.high, 0.05);  // binom.ppf(0.975, 400, 0.03) / 400 = 0.0475
  EXPECT_LT(bootstrap.mean(0).low, bootstrap.mean(1).high);
}

TEST(PairedBootstrap, AGainIsTheOtherWayRoundALoss) {
  const PairedBootstrap bootstrap({right(30, 50), right(20, 50)});
  const MeanInterval gain = bootstrap.gain(0, 1);
  const MeanInterval loss = bootstrap.gain(1, 0);
  EXPECT_DOUBLE_EQ(gain.mean, -loss.mean);
  EXPECT_DOUBLE_EQ(gain.low, -loss.high);
  EXPECT_DOUBLE_EQ(gain.high, -loss.low);
  const MeanInterval none = bootstrap.gain(1, 1);
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, 0);
}

TEST(PairedBootstrap, TheSameSeedGivesTheSameInterval) {
  const std::vector<std::vector<double>> scores{right(13, 31), right(17, 31)};
  const MeanInterval first = PairedBootstrap(scores).gain(0, 1);
  const MeanInterval again = PairedBootstrap(scores).gain(0, 1);
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
}

}  // namespace
}  // namespace incipit::eval
