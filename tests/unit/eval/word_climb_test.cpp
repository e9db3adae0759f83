#include "eval/word_climb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace incipit::eval {
namespace {

using ::testing::ElementsAre;

// The loss is the distance to `goal`; the validation loss that to `judged`.
class Distances final : public WordScores {
 public:
  Distances(Words goal, Words judged) : goal_(std::move(goal)), judged_(std::move(judged)) {}
  double train_loss(const Words& words) override {
    ++trained;
    return distance(words, goal_);
  }
  double validation_loss(const Words& words) override {
    ++validated;
    return distance(words, judged_);
  }
  int trained = 0;
  int validated = 0;

 private:
  static double distance(const Words& a, const Words& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
    return sum;
  }
  Words goal_;
  Words judged_;
};

TEST(WordClimb, JudgesOnlyWhatIsBetterThanAllBefore) {
  Distances scores({5}, {3});
  WordClimb climb(scores, 10, 4, 1000);
  EXPECT_EQ(climb.score({2}), 3);
  EXPECT_EQ(climb.score({1}), 4);
  EXPECT_EQ(climb.score({3}), 2);
  EXPECT_EQ(climb.score({5}), 0);
  EXPECT_EQ(climb.score({3}), 2);  // known
  EXPECT_EQ(climb.passes(), 4 * 10 + 3 * 4);
  EXPECT_EQ(climb.scored(), 4U);
  ASSERT_EQ(climb.steps().size(), 3U);
  EXPECT_EQ(climb.steps()[2].passes, 52);
  EXPECT_THAT(climb.best().words, ElementsAre(3)) << "the lowest validation loss";
}

TEST(WordClimb, SpendsNoMoreThanItsBudget) {
  Distances scores({5}, {5});
  WordClimb climb(scores, 10, 4, 30);
  EXPECT_TRUE(climb.score({1}));
  EXPECT_TRUE(climb.spend(2));
  EXPECT_TRUE(climb.score({2})) << "16 + 14 = 30";
  EXPECT_FALSE(climb.score({3}));
  EXPECT_TRUE(climb.score({2})) << "it is known";
  EXPECT_FALSE(climb.spend(1));
  EXPECT_EQ(climb.passes(), 30);
}

TEST(ClimbOverPhrases, FindsTheBestPhraseOfEverySlotInTurn) {
  Distances scores({2, 0, 3}, {2, 0, 3});
  WordClimb climb(scores, 1, 0, 1000);
  climb_over_phrases(climb, std::vector<std::size_t>{4, 3, 5});
  EXPECT_THAT(climb.best().words, ElementsAre(2, 0, 3));
  // The start, 3 + 2 + 4 others, and the same again around the optimum, less what is known:
  // slot 1 was scored at {2, x, 0}, slot 2 at {2, 0, x}.
  EXPECT_EQ(climb.passes(), 1 + (3 + 2 + 4) + (3 + 2));
}

TEST(ClimbOverTokens, KeepsTheBestProposalAndGoesDeeperWhereNoneIsBetter) {
  Distances scores({9, 1}, {9, 1});
  WordClimb climb(scores, 1, 0, 1000);
  std::vector<std::size_t> depths;
  std::set<Words> kept;
  // Two tokens at a time, of 0 to 9: the token 9 is the last.
  const auto propose = [&](const Words& words, std::size_t, std::size_t depth) {
    kept.insert(words);
    depths.push_back(depth);
    std::vector<TokenId> tokens;
    for (auto id = static_cast<TokenId>(2 * depth); id < 10 && tokens.size() < 2; ++id) {
      tokens.push_back(id);
    }
    return tokens;
  };
  climb_over_tokens(climb, {0, 0}, 3, propose, 1);
  EXPECT_THAT(climb.best().words, ElementsAre(9, 1));
  EXPECT_EQ(depths.back(), 5U) << "it ends where no position has tokens left";
  EXPECT_EQ(climb.passes(), scores.trained + 3 * std::ssize(kept))
      << "a gradient for every choice of words that was kept";
}

TEST(ClimbOverTokens, EndsWithItsBudget) {
  Distances scores({9}, {9});
  WordClimb climb(scores, 1, 1, 12);
  climb_over_tokens(
      climb, {0}, 2,
      [](const Words& words, std::size_t, std::size_t) {
        return std::vector<TokenId>{words[0] + 1};
      },
      1);
  EXPECT_EQ(climb.passes(), 12) << "2 for the start, 4 for each better token, and a gradient";
  EXPECT_THAT(climb.best().words, ElementsAre(2));
}

TEST(ClimbAtRandom, DrawsUntilTheBudgetIsSpentOrNothingIsNew) {
  Distances scores({3}, {3});
  WordClimb climb(scores, 1, 0, 1000);
  const auto draw = [](Random& random) { return Words{static_cast<TokenId>(random.below(8))}; };
  climb_at_random(climb, {0}, draw, 1);
  EXPECT_EQ(climb.scored(), 8U);
  EXPECT_EQ(climb.passes(), 8) << "words that were drawn again cost nothing";
  EXPECT_THAT(climb.best().words, ElementsAre(3));

  WordClimb first(scores, 1, 0, 3);
  climb_at_random(first, {0}, draw, 1);
  EXPECT_EQ(first.passes(), 3);
}

}  // namespace
}  // namespace incipit::eval
