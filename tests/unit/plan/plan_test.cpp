#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "tests/support/llama3_8b.h"

namespace incipit::plan {
namespace {

model::ModelSpec llama3_8b() { return incipit::testing::llama3_8b().spec(); }

Workload step_of(std::int64_t batch_size) {
  Workload step{.example_rows = 200, .number_bytes = 2};
  step.train.batch_size = batch_size;
  return step;
}

const Workload kStep = step_of(32);
const Machine kMachine;

MeshPlan plan(const comm::MeshShape& shape, const Workload& workload = kStep) {
  return plan_mesh(llama3_8b(), shape, workload, kMachine);
}

// Bytes sent along some dimensions, or all of them, without the few numbers of a step.
double sent(const MeshPlan& plan, const std::string& over = "") {
  double bytes = 0;
  for (const comm::Sent& one : plan.sent) {
    const bool counts = one.purpose != "batch totals" && one.purpose != "finite numbers" &&
                        one.purpose != "scores of the vocabulary" &&
                        one.purpose != "passes of the step";
    if (counts && (over.empty() || one.over.name() == over)) bytes += one.bytes;
  }
  return bytes;
}

constexpr double kNorms = 65 * 4096;
constexpr double kLayer = 4096.0 * (2 * 4096 + 2 * 1024 + 3 * 14336);  // numbers of its matrices

TEST(Plan, WeightsAreThoseOfTheFullestRank) {
  constexpr double kParameters = 8030261248;          // as published
  const double bytes = 2 * kParameters + 2 * kNorms;  // norms are float32
  EXPECT_EQ(plan({}).bytes.weights, bytes);
  EXPECT_EQ(plan({.data = 4}).bytes.weights, bytes);
  EXPECT_NEAR(plan({.tensor = 8}).bytes.weights, bytes / 8, 0.001 * bytes);
  double sum = 0;
  for (int stage = 0; stage < 4; ++stage) {
    sum += weight_bytes(llama3_8b(), {.pipeline = 4}, stage, 2);
  }
  EXPECT_EQ(sum, bytes);
  // The first stage has the most micro-batches in flight.
  EXPECT_EQ(plan({.pipeline = 4}).bytes.weights, weight_bytes(llama3_8b(), {.pipeline = 4}, 0, 2));
}

TEST(Plan, FsdpRanksHoldTheirShareAndTwoLayers) {
  const double expected = 4 * kNorms + (plan({}).bytes.weights - 4 * kNorms) / 8 + 2 * 2 * kLayer;
  EXPECT_NEAR(plan({.fsdp = 8}).bytes.weights, expected, 0.001 * expected);
}

TEST(Plan, TrafficOfAMeshIsThatOfItsCollectives) {
  EXPECT_EQ(plan({}).sent.size(), 0U);
  EXPECT_EQ(plan({}).communication_seconds, 0);
  // Half of the gradient out, and the other half's sum.
  EXPECT_EQ(sent(plan({.data = 2})), 20 * 4096 * 4);
  // Four sums in each layer, in the last layer only one of all rows and three of target rows; in
  // the first, one only of the prompt's rows. The embedding, and the gradient of target rows.
  const double rows = 20 + 32 * 200;
  const double sums = 31 * 4 * rows - (rows - 20) + (rows + 3 * 64) + rows + 64;
  EXPECT_EQ(sent(plan({.tensor = 2})), sums * 4096 * 2);
  // A stage in the middle sends rows and gradients.
  EXPECT_EQ(sent(plan({.pipeline = 2}), "pipeline") - 20 * 4096 * 4, rows * 4096 * 2);
  EXPECT_EQ(sent(plan({.pipeline = 4}), "pipeline") - 1.5 * 20 * 4096 * 4, 2 * rows * 4096 * 2);
  EXPECT_GT(sent(plan({.fsdp = 2})), plan({}).bytes.weights * 0.8);
}

TEST(Plan, TrafficOfManyMicroBatchesIsThatOfAllRows) {
  Workload many = kStep;
  many.train.micro_batch_tokens = 400;  // two examples
  EXPECT_EQ(plan({}, many).micro_batches, 16);
  EXPECT_NEAR(sent(plan({.tensor = 2}, many)), sent(plan({.tensor = 2})),
              0.001 * sent(plan({.tensor = 2})));
  EXPECT_NEAR(plan({}, many).compute_seconds, plan({}).compute_seconds,
              0.001 * plan({}).compute_seconds);
  many.train.micro_batch_tokens = 1;  // one example
  EXPECT_EQ(plan({.pipeline = 2}, many).micro_batches, 32);
}

TEST(Plan, EveryPromptIsSummedButABatchHoldsNoMoreThanItsExamples) {
  Workload three = kStep;
  three.prompts = 3;
  EXPECT_EQ(sent(plan({.data = 2}, three)), 3 * sent(plan({.data = 2})));
  const double one = plan({}).bytes.optimizer;
  EXPECT_GT(plan({}, three).bytes.optimizer, 2.5 * one);
  EXPECT_LE(plan({}, three).bytes.optimizer, 3 * one);
  const auto activations = [](const Workload& w, int prompts) {
    return sent(plan({.pipeline = 2}, w), "pipeline") - prompts * 20 * 4096 * 4;
  };
  const double example_rows = 32 * 200;
  EXPECT_EQ(activations(three, 3), (3 * 20 + example_rows) * 4096 * 2);
  three.prompts = 100;
  EXPECT_EQ(activations(three, 100), (32 * 20 + example_rows) * 4096 * 2);
}

TEST(Plan, APrefixIsResidentAndPartialOverAllRanks) {
  Workload prefix = kStep;
  prefix.method.kind = "prefix_tuning";
  const double numbers = 20 * 2 * 32 * 1024;
  EXPECT_EQ(sent(plan({.data = 2}, prefix)), numbers * 4);
  EXPECT_GE(plan({}, prefix).bytes.optimizer, 6 * numbers * 4);
}

TEST(Plan, TimeIsSharedByRanksAndAPipelineWaits) {
  const double alone = plan({}).compute_seconds;
  EXPECT_NEAR(plan({.tensor = 8}).compute_seconds, alone / 8, 0.01 * alone / 8);
  EXPECT_EQ(plan({.tensor = 8}).bubble, 0);
  const MeshPlan staged = plan({.pipeline = 4});
  EXPECT_EQ(staged.micro_batches, 8);
  EXPECT_NEAR(staged.bubble, 3.0 / 11, 0.01);
  EXPECT_LT(staged.compute_seconds, alone / 3);
}

TEST(Plan, OperationsPerTokenAreTwiceTheWeightsInEachDirection) {
  // Layers but the last: nearly all there is at these lengths.
  const double expected = 4 * 31 * kLayer * (20 + 32 * 200) / kMachine.flops;
  EXPECT_NEAR(plan({}).compute_seconds, expected, 0.03 * expected);
}

TEST(Plan, ActivationsGrowWithTheRowsAtOnceAndShrinkWithMicroBatches) {
  Workload small = kStep;
  small.train.micro_batch_tokens = 1600;
  EXPECT_EQ(plan({}, small).micro_batches, 4);
  EXPECT_LT(plan({}, small).bytes.activations, plan({}).bytes.activations / 3);
  EXPECT_LT(plan({.tensor = 4}).bytes.activations, plan({}).bytes.activations / 2);
}

TEST(Plan, TheLargestBatchFitsAndOneMoreOfEachCopyDoesNot) {
  for (const comm::MeshShape& shape :
       {comm::MeshShape{}, comm::MeshShape{.data = 2, .tensor = 4}}) {
    Workload w = step_of(largest_batch(llama3_8b(), shape, kStep, kMachine.memory_bytes));
    w.train.micro_batch_tokens = 1 << 30;
    ASSERT_GT(w.train.batch_size, 0);
    EXPECT_TRUE(plan(shape, w).fits);
    w.train.batch_size += shape.data;
    EXPECT_FALSE(plan(shape, w).fits);
  }
  EXPECT_EQ(largest_batch(llama3_8b(), {}, kStep, 1e9), 0);
}

TEST(Plan, AllMeshesHaveTheRanksAndCanBeSplit) {
  const auto meshes = possible_meshes(llama3_8b(), 64);
  for (const comm::MeshShape& mesh : meshes) {
    EXPECT_EQ(mesh.product(), 64);
    EXPECT_LE(mesh.tensor, 32);
    EXPECT_LE(mesh.pipeline, 32);
  }
  EXPECT_EQ(std::count(meshes.begin(), meshes.end(), comm::MeshShape{.data = 64}), 1);
  EXPECT_EQ(std::count(meshes.begin(), meshes.end(), comm::MeshShape{.fsdp = 64}), 1);
  EXPECT_EQ(std::count(meshes.begin(), meshes.end(),
                       comm::MeshShape{.data = 2, .fsdp = 4, .pipeline = 2, .tensor = 4}),
            1);
  EXPECT_THROW((void)plan({.tensor = 64}), ConfigError);
}

TEST(Plan, TheCheapestFitsAndCostsLeast) {
  std::vector<MeshPlan> plans{plan({.tensor = 8}), plan({.data = 8})};
  EXPECT_EQ(cheapest(plans), &plans[1]);
  plans[1].fits = false;
  EXPECT_EQ(cheapest(plans), &plans[0]);
  plans[0].fits = false;
  EXPECT_EQ(cheapest(plans), nullptr);
}

}  // namespace
}  // namespace incipit::plan
