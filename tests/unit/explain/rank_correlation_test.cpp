#include "explain/rank_correlation.h"

#include <gtest/gtest.h>

namespace incipit::explain {
namespace {

TEST(RankCorrelation, DependsOnTheOrderOnly) {
  EXPECT_DOUBLE_EQ(*rank_correlation({1, 2, 3, 40}, {-5, 0, 7, 8}), 1);
  EXPECT_DOUBLE_EQ(*rank_correlation({1, 2, 3}, {9, 5, 4}), -1);
  // 1 - 6 * sum of squared rank differences / (n (n^2 - 1)) = 1 - 6 * 2 / 60
  EXPECT_DOUBLE_EQ(*rank_correlation({1, 2, 3, 4}, {2, 1, 3, 4}), 0.8);
}

TEST(RankCorrelation, EqualNumbersShareTheirMeanRank) {
  // scipy.stats.spearmanr([1, 2, 2, 3], [1, 2, 3, 4])
  EXPECT_NEAR(*rank_correlation({1, 2, 2, 3}, {1, 2, 3, 4}), 0.9486832980505138, 1e-12);
}

TEST(RankCorrelation, NeedsNumbersThatDiffer) {
  EXPECT_FALSE(rank_correlation({}, {}));
  EXPECT_FALSE(rank_correlation({1}, {2}));
  EXPECT_FALSE(rank_correlation({1, 1, 1}, {1, 2, 3}));
}

}  // namespace
}  // namespace incipit::explain
