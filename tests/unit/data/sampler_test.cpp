#include "data/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Indices = std::vector<std::int64_t>;

Indices iota(std::int64_t count) {
  Indices indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

TEST(Sampler, FileOrderWithoutShuffle) {
  Sampler sampler(iota(5), 1, false);
  EXPECT_THAT(sampler.batch(0, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(sampler.batch(3, 3), ElementsAre(3, 4, 0));
  EXPECT_THAT(sampler.batch(9, 7), ElementsAre(4, 0, 1, 2, 3, 4, 0));
}

TEST(Sampler, EveryEpochHoldsEveryExampleOnce) {
  Sampler sampler(iota(101), 7, true);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    Indices seen = sampler.order(epoch);
    EXPECT_NE(seen, iota(101));
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, iota(101));
  }
}

TEST(Sampler, BatchesFollowTheEpochsWithoutGaps) {
  Sampler sampler(iota(10), 7, true);
  Indices expected;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const Indices order = sampler.order(epoch);
    expected.insert(expected.end(), order.begin(), order.end());
  }
  Indices seen;
  for (std::int64_t position = 0; position < 30; position += 4) {
    const Indices batch = sampler.batch(position, std::min<std::int64_t>(4, 30 - position));
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(seen, expected);
}

TEST(Sampler, OrderIsAPureFunctionOfSeedAndEpoch) {
  Sampler a(iota(50), 3, true);
  Sampler b(iota(50), 3, true);
  (void)a.batch(0, 120);
  EXPECT_EQ(a.batch(60, 30), b.batch(60, 30)) << "a resumed run must not depend on its past";
  EXPECT_NE(a.order(0), a.order(1));
  EXPECT_NE(a.order(0), Sampler(iota(50), 4, true).order(0));
}

// A change here changes which examples a run sees: old checkpoints would continue differently.
TEST(Sampler, OrderIsTheSameOnEveryPlatform) {
  EXPECT_THAT(Sampler(iota(8), 17, true).order(0), ElementsAre(6, 7, 0, 3, 1, 2, 5, 4));
}

TEST(Sampler, GroupsStayTogetherAndInFileOrder) {
  const Indices groups = {0, 0, 1, 1, 1, 2, 0, 3};
  const Sampler sampler(groups, 5, true);
  bool moved = false;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
    const Indices order = sampler.order(epoch);
    std::vector<Indices> runs;
    for (const std::int64_t index : order) {
      if (runs.empty() || groups[runs.back().front()] != groups[index]) runs.emplace_back();
      runs.back().push_back(index);
    }
    EXPECT_THAT(runs, ::testing::UnorderedElementsAre(Indices{0, 1, 6}, Indices{2, 3, 4},
                                                      Indices{5}, Indices{7}));
    moved = moved || order.front() != 0;
  }
  EXPECT_TRUE(moved);
}

TEST(SplitOverRanks, LongestGoesToTheRankWithTheFewestTokens) {
  // 9 -> rank 0; 7 -> 1; 6 -> 1 (13); 5 -> 0 (14); 4 -> 1 (17); 1 -> 0 (15).
  EXPECT_THAT(split_over_ranks(Indices{4, 9, 1, 7, 5, 6}, 2),
              ElementsAre(Indices{1, 2, 4}, Indices{0, 3, 5}));
}

TEST(SplitOverRanks, TiesGoToFewerPlacesThenLowerRanks) {
  EXPECT_THAT(split_over_ranks(Indices{5, 5, 5, 5}, 2), ElementsAre(Indices{0, 2}, Indices{1, 3}));
  EXPECT_THAT(split_over_ranks(Indices{0, 0, 0}, 3),
              ElementsAre(Indices{0}, Indices{1}, Indices{2}));
}

TEST(SplitOverRanks, ARankMayGetNothing) {
  EXPECT_THAT(split_over_ranks(Indices{3}, 3), ElementsAre(Indices{0}, IsEmpty(), IsEmpty()));
  EXPECT_THAT(split_over_ranks(Indices{}, 2), ElementsAre(IsEmpty(), IsEmpty()));
}

TEST(SplitOverRanks, LoadsDifferByAtMostTheLongest) {
  Indices lengths;
  for (std::int64_t i = 0; i < 64; ++i) lengths.push_back(20 + (i * 37) % 230);
  Indices seen;
  Indices loads;
  for (const Indices& rank : split_over_ranks(lengths, 4)) {
    EXPECT_TRUE(std::is_sorted(rank.begin(), rank.end()));
    std::int64_t load = 0;
    for (const std::int64_t place : rank) load += lengths[place];
    loads.push_back(load);
    seen.insert(seen.end(), rank.begin(), rank.end());
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, iota(64));
  const auto [least, most] = std::minmax_element(loads.begin(), loads.end());
  EXPECT_LE(*most - *least, 20) << "the shortest of them can still be moved";
}

TEST(SplitByTokens, RunsHoldAtMostSoMany) {
  EXPECT_THAT(split_by_tokens(Indices{3, 3, 3, 3}, 6), ElementsAre(0, 2, 4));
  EXPECT_THAT(split_by_tokens(Indices{3, 9, 3}, 6), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(split_by_tokens(Indices{1}, 6), ElementsAre(0, 1));
  EXPECT_THAT(split_by_tokens(Indices{}, 6), ElementsAre(0));
}

}  // namespace
}  // namespace incipit::data
