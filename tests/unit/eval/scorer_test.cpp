#include "eval/scorer.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "data/batch.h"
#include "eval/evaluation.h"
#include "model/forest_pass.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_prompt;
using testing_support::tiny_task;
using testing_support::with_prompt;

constexpr double kScoreTolerance = 1e-9;

// In float64, so that shared and flat computation agree almost exactly.
class ScorerTest : public ::testing::Test {
 protected:
  ScorerTest() { at::set_num_threads(1); }

  [[nodiscard]] Scores score(const data::Dataset& dataset, const std::optional<at::Tensor>& prompt,
                             const EvalOptions& options = {}) const {
    const auto alone = comm::make_single();
    return score_candidates(with_prompt(backbone_, prompt), task_, dataset, options, *alone);
  }

  // One candidate at a time, nothing shared.
  [[nodiscard]] double flat_score(const data::Example& example, const data::Candidate& candidate,
                                  const std::optional<at::Tensor>& prompt) const {
    const PromptRows rows{.prompt = 0, .rows = prompt ? static_cast<int>(prompt->size(0)) : 0};
    const Sequence sequence = data::target_sequence(task_, example, rows, candidate.tokens);
    std::vector<at::Tensor> prompts;
    if (prompt) prompts.push_back(*prompt);
    const PackedForest packed = pack({&sequence, 1}, 0);
    const model::ForestPass pass(backbone_, packed.forest, prompts, {});
    return pass.log_likelihoods().sum().item<double>();
  }

  void expect_same(const Scores& actual, const Scores& expected) const {
    ASSERT_EQ(actual.scores.size(), expected.scores.size());
    for (std::size_t i = 0; i < expected.scores.size(); ++i) {
      ASSERT_EQ(actual.scores[i].size(), expected.scores[i].size());
      for (std::size_t c = 0; c < expected.scores[i].size(); ++c) {
        EXPECT_NEAR(actual.scores[i][c], expected.scores[i][c], kScoreTolerance) << i;
      }
    }
    EXPECT_EQ(actual.predictions, expected.predictions);
  }

  data::Task task_ = tiny_task();
  data::Dataset dataset_ = tiny_dataset(task_, 11, 21);
  model::Backbone backbone_ = tiny_backbone(at::kDouble);
};

TEST_F(ScorerTest, EqualsScoringEveryCandidateByItself) {
  for (const auto& prompt :
       {std::optional<at::Tensor>(), std::optional(tiny_prompt(4, at::kDouble))}) {
    const Scores scores = score(dataset_, prompt);
    ASSERT_EQ(scores.scores.size(), 11u);
    for (std::int64_t i = 0; i < dataset_.size(); ++i) {
      const data::Candidates& candidates = *dataset_[i].candidates;
      ASSERT_EQ(scores.scores[i].size(), 2u);
      for (std::size_t c = 0; c < 2; ++c) {
        EXPECT_NEAR(scores.scores[i][c], flat_score(dataset_[i], candidates[c], prompt),
                    kScoreTolerance);
      }
      EXPECT_EQ(scores.predictions[i], scores.scores[i][1] > scores.scores[i][0] ? 1 : 0);
    }
  }
}

TEST_F(ScorerTest, BeginningsThatShareRowsScoreAsEachByItself) {
  // Few-shot examples in three orders, two of which begin alike, after a soft prompt or none.
  const std::vector<std::vector<TokenId>> orders = {
      {9, 8, 7, 6, 5}, {9, 8, 5, 6, 7}, {5, 6, 9, 8, 7}};
  for (const int prompt_rows : {0, 4}) {
    const auto prompt = prompt_rows > 0 ? std::optional(tiny_prompt(prompt_rows, at::kDouble))
                                        : std::optional<at::Tensor>();
    const methods::PromptedModel model = with_prompt(backbone_, prompt);
    std::vector<Sequence> beginnings;
    for (const auto& order : orders) {
      Sequence& beginning = beginnings.emplace_back();
      beginning.append_prompt(model.rows(0));
      beginning.append_tokens(order);
    }
    SharedBeginnings shared(model, beginnings);
    EXPECT_EQ(shared.rows_without_sharing(), 3 * (prompt_rows + 5));
    EXPECT_EQ(shared.rows(), prompt_rows + 5 + 3 + 5) << "the prompt, and 9 8 of the first two";
    for (std::size_t o = 0; o < orders.size(); ++o) {
      SharedBeginning beginning = shared[o];
      EXPECT_EQ(beginning.rows(), prompt_rows + 5);
      std::vector<data::Example> examples;
      for (data::Example example : dataset_) {
        example.source.insert(example.source.begin(), orders[o].begin(), orders[o].end());
        examples.push_back(std::move(example));
      }
      const data::Dataset whole("orders", std::move(examples), 0);
      const auto alone = comm::make_single();
      const Likelihoods likelihoods =
          candidate_likelihoods(beginning, task_, whole, {.batch_tokens = 60}, *alone);
      for (std::int64_t i = 0; i < whole.size(); ++i) {
        EXPECT_NEAR(likelihoods[i][1], flat_score(whole[i], (*whole[i].candidates)[1], prompt),
                    kScoreTolerance);
      }
    }
  }
}

TEST_F(ScorerTest, DoesNotDependOnTheBatchSize) {
  const auto prompt = std::optional(tiny_prompt(4, at::kDouble));
  const Scores whole = score(dataset_, prompt);
  expect_same(score(dataset_, prompt, {.batch_tokens = 1}), whole);
  expect_same(score(dataset_, prompt, {.batch_tokens = 70}), whole);
}

TEST_F(ScorerTest, EveryRankGetsAllScoresInFileOrder) {
  const auto prompt = std::optional(tiny_prompt(4, at::kDouble));
  const Scores whole = score(dataset_, prompt);
  for (const int ranks : {2, 3, 16}) {
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      expect_same(score_candidates(with_prompt(backbone_, prompt), task_, dataset_, {}, world),
                  whole);
    });
  }
}

TEST_F(ScorerTest, TellsFromNoneToAllHowManyExamplesAreScored) {
  for (const int ranks : {1, 2, 3}) {
    std::vector<std::int64_t> told;
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const ScoringProgress on_progress = [&](std::int64_t done, std::int64_t total) {
        EXPECT_EQ(world.rank(), 0);
        EXPECT_EQ(total, dataset_.size());
        told.push_back(done);
      };
      (void)score_candidates(with_prompt(backbone_, std::nullopt), task_, dataset_,
                             {.batch_tokens = 70}, world, on_progress);
    });
    ASSERT_GE(told.size(), 3u);
    EXPECT_EQ(told.front(), 0);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), dataset_.size());
  }
}

TEST_F(ScorerTest, MeansDivideByTokensOrBytes) {
  const data::Dataset one = tiny_dataset(task_, 1, 3);
  const Scores sum = score(one, {});
  const Scores by_token = score(one, {}, {.score = Score::kTokenMean});
  const Scores by_byte = score(one, {}, {.score = Score::kByteMean});
  const double bytes[] = {4, 7};  // " yes", " no way"; every byte is a token
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_NEAR(by_token.scores[0][c], sum.scores[0][c] / bytes[c], kScoreTolerance);
    EXPECT_NEAR(by_byte.scores[0][c], sum.scores[0][c] / bytes[c], kScoreTolerance);
  }
}

TEST_F(ScorerTest, AnEmptySourceIsPredictedFromTheSoftPromptAlone) {
  std::vector<data::Example> examples(dataset_.begin(), dataset_.end());
  examples[3].source.clear();
  const data::Dataset with_empty("tiny.jsonl", examples, 0);
  const auto prompt = std::optional(tiny_prompt(4, at::kDouble));
  const Scores scores = score(with_empty, prompt);
  for (const std::int64_t i : {2, 3}) {
    EXPECT_NEAR(scores.scores[i][1],
                flat_score(with_empty[i], (*with_empty[i].candidates)[1], prompt), kScoreTolerance);
  }
}

TEST_F(ScorerTest, AnEmptySplitHasNoScores) {
  EXPECT_TRUE(score(data::Dataset{}, {}).scores.empty());
}

TEST_F(ScorerTest, ScoresThatAreNotFiniteNameTheExample) {
  at::Tensor prompt = tiny_prompt(4, at::kDouble);
  prompt.fill_(std::numeric_limits<double>::quiet_NaN());
  try {
    (void)score(dataset_, prompt);
    FAIL() << "nothing thrown";
  } catch (const NumericsError& error) {
    EXPECT_NE(std::string(error.what()).find("tiny.jsonl:1"), std::string::npos) << error.what();
  }
}

TEST_F(ScorerTest, AccuracyIsTheShareOfRightPredictions) {
  const auto alone = comm::make_single();
  const SplitResult result =
      evaluate(with_prompt(backbone_, std::nullopt), task_, dataset_, {}, *alone);
  double right = 0;
  for (std::int64_t i = 0; i < dataset_.size(); ++i) {
    right += result.scores.predictions[i] == dataset_[i].label ? 1 : 0;
  }
  ASSERT_EQ(result.metrics.size(), 1u);
  EXPECT_EQ(result.metrics[0].first, "accuracy");
  EXPECT_DOUBLE_EQ(result.metrics[0].second, right / 11);
}

TEST_F(ScorerTest, ATaskThatGeneratesIsMeasuredByItsTargetsLoss) {
  const data::Task task = testing_support::tiny_generation_task();
  const data::Dataset dataset = tiny_dataset(task, 4, 8);
  const auto alone = comm::make_single();
  const SplitResult result =
      evaluate(with_prompt(backbone_, std::nullopt), task, dataset, {}, *alone);
  double likelihood = 0;
  double tokens = 0;
  for (const data::Example& example : dataset) {
    const Sequence sequence = data::target_sequence(task, example, {}, example.target);
    const PackedForest packed = pack({&sequence, 1}, 0);
    likelihood +=
        model::ForestPass(backbone_, packed.forest, {}, {}).log_likelihoods().sum().item<double>();
    tokens += static_cast<double>(example.target.size());
  }
  ASSERT_EQ(result.metrics.size(), 1u);
  EXPECT_EQ(result.metrics[0].first, "loss");
  EXPECT_NEAR(result.metrics[0].second, -likelihood / tokens, kScoreTolerance);
}

}  // namespace
}  // namespace incipit::eval
