#include "eval/order_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace incipit::eval {
namespace {

using ::testing::ElementsAre;

TEST(OrderFigures, OrdersAreAllOrASampleOfDifferentOnes) {
  EXPECT_THAT(choose_orders(3, 6, 1), ElementsAre(Order{0, 1, 2}, Order{0, 2, 1}, Order{1, 0, 2},
                                                  Order{1, 2, 0}, Order{2, 0, 1}, Order{2, 1, 0}));
  const std::vector<Order> sample = choose_orders(6, 24, 1);
  EXPECT_EQ(sample.size(), 24u);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
  EXPECT_EQ(std::adjacent_find(sample.begin(), sample.end()), sample.end());
  EXPECT_EQ(choose_orders(6, 24, 1), sample);
  EXPECT_NE(choose_orders(6, 24, 2), sample);
  EXPECT_EQ(order_count(6), 720);
  EXPECT_GT(order_count(60), std::int64_t{1} << 62) << "more than there are numbers";
}

// By hand: predictions 0, 0, 1, 0 give -(3/4 ln 3/4 + 1/4 ln 1/4).
TEST(OrderFigures, GlobalEntropyIsThatOfThePredictions) {
  const Likelihoods scores = {{2, 1}, {0, -1}, {-3, -2}, {1, 1}};
  EXPECT_NEAR(global_entropy(scores), -0.75 * std::log(0.75) - 0.25 * std::log(0.25), 1e-12);
  EXPECT_EQ(global_entropy({{2, 1}, {5, 1}}), 0);
}

TEST(OrderFigures, LocalEntropyIsTheMeanOverProbes) {
  const double third = std::log(1.0 / 3);
  const double rest = std::log(2.0 / 3);
  const double one = -(std::exp(third) * third + std::exp(rest) * rest);
  EXPECT_NEAR(local_entropy({{third, rest}, {7, 7}}), (one + std::log(2.0)) / 2, 1e-12);
  EXPECT_NEAR(local_entropy({{0, -1000}}), 0, 1e-12);
}

TEST(OrderFigures, TheHighestKeepTheirOrder) {
  EXPECT_THAT(highest(std::vector<double>{1, 3, 2, 3}, 3), ElementsAre(1u, 3u, 2u));
  EXPECT_THAT(highest(std::vector<double>{1, 3}, 4), ElementsAre(1u, 0u));
}

TEST(OrderFigures, TheControlDrawsWithoutReplacement) {
  const std::vector<double> scores = {0, 0, 0, 4};
  const RandomControl all = random_control(scores, 4, 1);
  EXPECT_EQ(all.low, 1) << "all orders are drawn";
  EXPECT_EQ(all.high, 1);
  const RandomControl two = random_control(scores, 2, 1);
  EXPECT_EQ(two.mean, 1);
  EXPECT_EQ(two.low, 0);
  EXPECT_EQ(two.high, 2);
}

// SciPy 1.17: spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]).statistic = 0.8207826816681233.
TEST(OrderFigures, RankCorrelationSharesTheRanksOfEqualValues) {
  const std::vector<double> a = {1, 2, 3, 4, 5};
  const std::vector<double> b = {5, 6, 7, 8, 7};
  const auto found = rank_correlation(a, b);
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(found->value, 0.8207826816681233, 1e-12);
  const double reach = 1.959963984540054 * std::sqrt((1 + found->value * found->value / 2) / 2);
  EXPECT_NEAR(found->low, std::tanh(std::atanh(found->value) - reach), 1e-12);
  EXPECT_NEAR(found->high, std::tanh(std::atanh(found->value) + reach), 1e-12);
  EXPECT_EQ(rank_correlation(a, a)->low, 1);
  EXPECT_FALSE(rank_correlation(a, std::vector<double>(5, 2.0)).has_value());
  EXPECT_FALSE(rank_correlation({a.data(), 3}, {b.data(), 3}).has_value());
}

}  // namespace
}  // namespace incipit::eval
