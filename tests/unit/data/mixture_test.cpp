#include "data/mixture.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using Weights = std::vector<std::int64_t>;

Sampler sampler(std::int64_t size, std::uint64_t seed) {
  std::vector<std::int64_t> groups(static_cast<std::size_t>(size));
  std::iota(groups.begin(), groups.end(), 0);
  return {groups, seed, true};
}

TEST(MixtureWeights, BySizeAreTheNumbersOfExamplesUpToTheLimit) {
  const Weights sizes{9427, 250, 2490};
  EXPECT_EQ(mixture_weights({.sampling = Sampling::kSize}, sizes), sizes);
  EXPECT_THAT(mixture_weights({.sampling = Sampling::kSize, .max_size = 1000}, sizes),
              ElementsAre(1000, 250, 1000));
}

TEST(MixtureWeights, EvenAreEqual) {
  EXPECT_THAT(mixture_weights({.sampling = Sampling::kEven}, Weights{7, 900}), ElementsAre(1, 1));
}

// Raffel et al. 2020, 3.5.2: min(e, K) ^ (1 / T), normalised. By hand for e = 100, 400, 10000,
// K = 1600 and T = 2: the roots are 10, 20 and 40, so 1/7, 2/7 and 4/7.
TEST(MixtureWeights, ByTemperatureAreRootsOfTheLimitedSizes) {
  const Weights weights =
      mixture_weights({.sampling = Sampling::kTemperature, .temperature = 2, .max_size = 1600},
                      Weights{100, 400, 10000});
  const auto total = static_cast<double>(std::accumulate(weights.begin(), weights.end(), 0LL));
  EXPECT_NEAR(static_cast<double>(weights[0]) / total, 1.0 / 7, 1e-6);
  EXPECT_NEAR(static_cast<double>(weights[1]) / total, 2.0 / 7, 1e-6);
  EXPECT_NEAR(static_cast<double>(weights[2]) / total, 4.0 / 7, 1e-6);
}

TEST(MixtureWeights, ATaskOfFewExamplesIsNeverLeftOut) {
  const Weights weights = mixture_weights({.sampling = Sampling::kTemperature, .temperature = 1},
                                          Weights{1, 1'000'000'000'000});
  EXPECT_GE(weights[0], 1);
}

TEST(Interleaving, EqualWeightsTakeTurns) {
  Interleaving turns({5, 5});
  EXPECT_THAT(turns.turns(0, 5),
              ElementsAre(Turn{0, 0}, Turn{1, 0}, Turn{0, 1}, Turn{1, 1}, Turn{0, 2}));
}

TEST(Interleaving, OneTaskHasEveryTurn) {
  Interleaving turns({17});
  EXPECT_THAT(turns.turns(40, 3), ElementsAre(Turn{0, 40}, Turn{0, 41}, Turn{0, 42}));
}

// Counts are within less than one of their due at every point, and exactly it after each round.
TEST(Interleaving, EveryTaskIsWithinOneOfItsDueAtEveryPoint) {
  const std::vector<Weights> cases{
      {1, 1},           {32, 250, 7, 1}, {9427, 250, 400, 5100, 65618, 2490, 5428, 554}, {1, 1000},
      {999, 1, 1, 999}, {3, 3, 3, 2},    {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
  for (const Weights& weights : cases) {
    const std::int64_t total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
    Interleaving turns(weights);
    Weights taken(weights.size(), 0);
    const std::int64_t samples = total + 1000;
    const auto all = turns.turns(0, samples);
    double most = 0;
    for (std::int64_t n = 1; n <= samples; ++n) {
      const Turn& turn = all[static_cast<std::size_t>(n - 1)];
      ASSERT_EQ(turn.sample, taken[turn.task]++);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double due =
            static_cast<double>(n) * static_cast<double>(weights[i]) / static_cast<double>(total);
        most = std::max(most, std::abs(static_cast<double>(taken[i]) - due));
      }
      if (n == total) {
        EXPECT_EQ(taken, weights);
      }
    }
    EXPECT_LT(most, 1) << ::testing::PrintToString(weights);
  }
}

TEST(Interleaving, GoesOnFromAnySampleAsIfItHadBeenThere) {
  const Weights weights{250, 32, 77};
  Interleaving whole(weights);
  const auto all = whole.turns(0, 2000);
  for (const std::int64_t position : {1, 58, 359, 360, 718, 1999}) {
    Interleaving resumed(weights);
    EXPECT_EQ(resumed.turns(position, 1).front(), all[static_cast<std::size_t>(position)]);
  }
  EXPECT_EQ(whole.turns(3, 1).front(), all[3]);  // backwards, too
}

TEST(MixtureSampler, OneTaskComesInItsSamplersOrder) {
  MixtureSampler mixture({sampler(13, 5)}, {13});
  Sampler alone = sampler(13, 5);
  std::vector<std::int64_t> drawn;
  for (const auto& [task, example] : mixture.batch(7, 30)) drawn.push_back(example);
  EXPECT_EQ(drawn, alone.batch(7, 30));
}

TEST(MixtureSampler, EachTasksExamplesComeAsInARunOfItsOwn) {
  MixtureSampler mixture({sampler(13, 5), sampler(4, 5)}, {3, 1});
  Sampler first = sampler(13, 5);
  Sampler second = sampler(4, 5);
  std::vector<std::int64_t> of_first;
  std::vector<std::int64_t> of_second;
  for (std::int64_t position = 0; position < 60; position += 6) {  // in batches
    for (const auto& [task, example] : mixture.batch(position, 6)) {
      (task == 0 ? of_first : of_second).push_back(example);
    }
  }
  EXPECT_EQ(of_first, first.batch(0, 45));
  EXPECT_EQ(of_second, second.batch(0, 15));
}

}  // namespace
}  // namespace incipit::data
