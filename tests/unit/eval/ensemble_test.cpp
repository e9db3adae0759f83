#include "eval/ensemble.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "comm/single.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using testing_support::tiny_dataset;
using testing_support::tiny_prompt;

// A member's result on one example of two candidates, of which the first has probability `first`.
SplitResult member(double first) {
  SplitResult result;
  result.scores.scores = {{std::log(first) - 3, std::log(1 - first) - 3}};
  result.scores.predictions = {first >= 0.5 ? 0 : 1};
  result.scores.texts = {first >= 0.5 ? "good" : "bad"};
  return result;
}

Ensemble together(const std::vector<double>& firsts) {
  const data::Task task = testing_support::tiny_task();
  std::vector<SplitResult> all;
  std::vector<std::size_t> members;
  for (const double first : firsts) {
    members.push_back(all.size());
    all.push_back(member(first));
  }
  return combine("setting", members, all, task, tiny_dataset(task, 1, 3));  // label "good"
}

TEST(Ensemble, VotesAndMeansMayDiffer) {
  const Ensemble ensemble = together({0.9, 0.45, 0.48});
  EXPECT_EQ(ensemble.vote.scores.predictions, std::vector<int>{1});
  EXPECT_NEAR(ensemble.vote.scores.scores[0][0], 1.0 / 3, 1e-12);
  EXPECT_EQ(ensemble.mean.scores.predictions, std::vector<int>{0});
  EXPECT_NEAR(std::exp(ensemble.mean.scores.scores[0][0]), (0.9 + 0.45 + 0.48) / 3, 1e-12);
  EXPECT_EQ(ensemble.vote.metrics[0].second, 0);
  EXPECT_EQ(ensemble.mean.metrics[0].second, 1);
  EXPECT_EQ(ensemble.mean.scores.texts[0], "good");
}

TEST(Ensemble, MeanProbabilityDecidesATie) {
  EXPECT_EQ(together({0.6, 0.1}).vote.scores.predictions, std::vector<int>{1});
  EXPECT_EQ(together({0.9, 0.4}).vote.scores.predictions, std::vector<int>{0});
}

TEST(Ensemble, IsOfTheMembersThatShareASetting) {
  const data::Task task = testing_support::tiny_task();
  const data::Dataset split = tiny_dataset(task, 1, 3);
  const std::vector<SplitResult> all{member(0.9), member(0.2), member(0.7), member(0.4)};
  const auto ensembles =
      ensembles_of(std::vector<std::string>{"a", "a", "b", ""}, all, task, split);
  ASSERT_EQ(ensembles.size(), 1u);
  EXPECT_EQ(ensembles[0].name, "a");
  EXPECT_EQ(ensembles[0].members, (std::vector<std::size_t>{0, 1}));
  std::vector<TaskResults> results{{"a-vote", {}}};
  append_results(ensembles, "test", split, results);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].splits[0].result, &ensembles[0].vote);
  EXPECT_EQ(results[1].task, "a-mean_probability");
}

TEST(Ensemble, PromptsScoredTogetherHaveTheScoresOfEach) {
  at::set_num_threads(1);
  const data::Task task = testing_support::tiny_task();
  const data::Dataset split = tiny_dataset(task, 11, 7);
  const model::Backbone backbone = testing_support::tiny_backbone(at::kDouble);
  const at::Tensor long_prompt = tiny_prompt(5, at::kDouble);
  const at::Tensor short_prompt = tiny_prompt(3, at::kDouble).neg();
  const methods::PromptedModel model(backbone,
                                     testing_support::soft_prompts({long_prompt, short_prompt}));
  const auto alone = comm::make_single();
  for (const auto& [score, rows] : {std::pair{Score::kSum, 150},
                                    {Score::kPmi, 150},
                                    {Score::kTokenMean, 150},
                                    {Score::kSum, 20}}) {  // one prompt after the other
    const EvalOptions options{.batch_tokens = rows, .score = score};
    const std::vector<std::size_t> both{1, 0};
    const auto results = evaluate_together(model, both, task, split, options, *alone);
    ASSERT_EQ(results.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      const SplitResult own = evaluate({model, both[i]}, task, split, options, *alone);
      EXPECT_EQ(results[i].metrics, own.metrics);
      EXPECT_NEAR(results[i].scores.on_format, own.scores.on_format, 1e-9);
      for (std::size_t e = 0; e < 11; ++e) {
        for (std::size_t c = 0; c < 2; ++c) {
          EXPECT_NEAR(results[i].scores.scores[e][c], own.scores.scores[e][c], 1e-9);
        }
      }
    }
  }
}

}  // namespace
}  // namespace incipit::eval
