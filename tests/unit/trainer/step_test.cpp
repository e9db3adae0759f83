#include "trainer/step.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "data/batch.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"
#include "trainer/batch_stream.h"

namespace incipit::trainer {
namespace {

using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_prompt;
using testing_support::tiny_task;
using testing_support::with_prompt;

constexpr int kRows = 6;
constexpr int kExamples = 5;

struct Descent {
  double loss = 0;  // mean
  StepSums sums;
  at::Tensor gradient;  // of the sum
};

// A batch of the tiny task under a loss, in float64.
class Step : public ::testing::TestWithParam<Loss> {
 protected:
  Step() : task_(tiny_task()), dataset_(tiny_dataset(task_, kExamples, 3)) {
    BatchStream stream({{&task_, &dataset_, {.prompt = 0, .rows = kRows}}},
                       {.batch_size = kExamples, .steps = 1, .loss = GetParam(), .shuffle = false});
    batch_ = stream.next();
  }

  [[nodiscard]] Descent run(const at::Tensor& prompt, std::int64_t micro_batch_rows) const {
    const auto objective = make_objective(GetParam(), batch_, at::kCPU);
    methods::PromptedModel model = with_prompt(backbone_, prompt);
    model.start_gradients();
    const StepSums sums =
        forward_backward(model, batch_.packed.forest, *objective, {.max_rows = micro_batch_rows});
    model.collect_gradients();
    model.finish_gradients(1);
    return {sums.loss.item<double>() / sums.count, sums, model.prompt(0).parameters()[0].grad};
  }

  data::Task task_;
  data::Dataset dataset_;
  TrainBatch batch_;
  model::Backbone backbone_ = tiny_backbone(at::kDouble);
};

TEST_P(Step, MicroBatchesOfAnySizeGiveTheSameLossAndGradient) {
  const at::Tensor prompt = tiny_prompt(kRows, at::kDouble);
  const Descent whole = run(prompt, 1 << 20);
  ASSERT_GT(whole.gradient.abs().max().item<double>(), 1e-3);
  for (const std::int64_t rows : {100, 60, 30, 1}) {
    ASSERT_GT(cut_below_shared(batch_.packed.forest, rows).branches.size(), 1u) << rows;
    const Descent cut = run(prompt, rows);
    EXPECT_NEAR(cut.loss, whole.loss, 1e-10) << rows;
    EXPECT_LT((cut.gradient.sub(whole.gradient)).abs().max().item<double>(), 1e-10) << rows;
    EXPECT_EQ(cut.sums.rows, whole.sums.rows);
    EXPECT_EQ(cut.sums.count, whole.sums.count);
  }
}

// More prompts than a micro-batch has rows are trained one part after the other.
TEST_P(Step, ManyPromptsGiveTheSameLossAndGradientsInParts) {
  const std::vector<at::Tensor> prompts{tiny_prompt(kRows, at::kDouble),
                                        tiny_prompt(kRows, at::kDouble).neg(),
                                        tiny_prompt(kRows, at::kDouble).mul(0.5)};
  std::vector<TrainSource> sources;
  for (int i = 0; i < 3; ++i) sources.push_back({&task_, &dataset_, {.prompt = i, .rows = kRows}});
  BatchStream stream(sources, {.batch_size = 3 * kExamples, .steps = 1, .loss = GetParam()});
  const TrainBatch batch = stream.next();
  const auto objective = make_objective(GetParam(), batch, at::kCPU);
  const auto descend = [&](std::int64_t rows) {
    methods::PromptedModel model(backbone_, testing_support::soft_prompts(prompts));
    model.start_gradients();
    const StepSums sums =
        forward_backward(model, batch.packed.forest, *objective, {.max_rows = rows});
    model.collect_gradients();
    model.finish_gradients(1);
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < 3; ++i) gradients.push_back(model.prompt(i).parameters()[0].grad);
    return std::pair(sums.loss.item<double>(), gradients);
  };
  const std::int64_t rows = 2 * kRows;
  ASSERT_GT(cut_into_parts(batch.packed.forest, rows).size(), 1u);
  const auto whole = descend(1 << 20);
  const auto parts = descend(rows);
  EXPECT_NEAR(parts.first, whole.first, 1e-10);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_GT(whole.second[i].abs().max().item<double>(), 1e-3);
    EXPECT_LT(parts.second[i].sub(whole.second[i]).abs().max().item<double>(), 1e-10) << i;
  }
}

TEST_P(Step, GradientMatchesFiniteDifferences) {
  const at::Tensor prompt = tiny_prompt(kRows, at::kDouble);
  const Descent exact = run(prompt, 60);
  constexpr double kDelta = 1e-5;
  for (const auto& [row, column] : {std::pair{0, 0}, {2, 17}, {5, 31}}) {
    double difference = 0;
    for (const double sign : {1.0, -1.0}) {
      at::Tensor moved = prompt.clone();
      moved[row][column].add_(sign * kDelta);
      difference += sign * run(moved, 1 << 20).sums.loss.item<double>() / (2 * kDelta);
    }
    EXPECT_NEAR(exact.gradient[row][column].item<double>(), difference, 1e-7);
  }
}

TEST_P(Step, ARankWithoutExamplesAddsNothing) {
  const TrainBatch none;
  const auto objective = make_objective(GetParam(), none, at::kCPU);
  methods::PromptedModel model = with_prompt(backbone_, tiny_prompt(kRows, at::kDouble));
  model.start_gradients();
  const StepSums sums = forward_backward(model, none.packed.forest, *objective, {.max_rows = 100});
  model.collect_gradients();
  model.finish_gradients(1);
  EXPECT_EQ(sums.loss.item<double>(), 0);
  EXPECT_EQ(sums.count, 0);
  EXPECT_EQ(sums.rows, 0);
  EXPECT_EQ(model.prompt(0).parameters()[0].grad.abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Losses, Step, ::testing::Values(Loss::kTargetTokens, Loss::kCandidates),
                         [](const auto& info) {
                           return info.param == Loss::kCandidates ? "candidates" : "target_tokens";
                         });

TEST(CandidateObjective, IsTheCrossEntropyOfTheGoldCandidate) {
  // Two candidates of one and two tokens; their summed log-likelihoods are -1 and -3.
  PackedForest packed;
  packed.forest.targets = {{0, 1, 1}, {0, 2, 1}, {1, 3, 1}};
  packed.targets = {{0}, {1, 2}};
  const auto objective = candidate_objective(
      std::vector<CandidateGroup>{
          {.candidates = {packed.targets[0], packed.targets[1]}, .gold = 1}},
      at::kCPU);
  const auto value = objective->evaluate(at::tensor({-1.0, -1.0, -2.0}, at::kDouble));
  EXPECT_NEAR(value.loss.item<double>(), 2.126928011042972, 1e-12);  // log(1 + e^2)
  EXPECT_NEAR(value.gradient[0].item<double>(), 0.8807970779778823, 1e-12);
  EXPECT_NEAR(value.gradient[1].item<double>(), -0.8807970779778823, 1e-12);
  EXPECT_NEAR(value.gradient[2].item<double>(), -0.8807970779778823, 1e-12);
  EXPECT_EQ(objective->count(), 1);
}

TEST(TargetTokenObjective, CountsAndWeighsSharedTargets) {
  Forest forest;
  forest.targets = {{0, 1, 2}, {1, 3, 1}};
  const auto objective = target_token_objective(forest, at::kCPU);
  const auto value = objective->evaluate(at::tensor({-0.5, -2.0}, at::kDouble));
  EXPECT_DOUBLE_EQ(value.loss.item<double>(), 3.0);
  EXPECT_TRUE(value.gradient.equal(at::tensor({-2.0, -1.0}, at::kDouble)));
  EXPECT_EQ(objective->count(), 3);
}

}  // namespace
}  // namespace incipit::trainer
