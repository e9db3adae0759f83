#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "model/partition.h"
#include "tests/support/llama3_8b.h"

namespace incipit::plan {
namespace {

model::ModelSpec llama3_8b() { return incipit::testing::llama3_8b().spec(); }

const Workload kStep{.batch_size = 32, .prompt_rows = 20, .example_rows = 200, .number_bytes = 2};
const Machine kMachine;

MeshPlan plan(const comm::MeshShape& shape, const Workload& workload = kStep) {
  return plan_mesh(llama3_8b(), shape, workload, kMachine);
}

TEST(Plan, WeightsAreThoseOfTheFullestRank) {
  const auto c = llama3_8b();
  const auto of = [&](int stages, int stage, int ranks, int rank) {
    return static_cast<double>(
        model::weight_bytes(c, model::partition_of(c, stages, stage, ranks, rank), 2, 4));
  };
  EXPECT_EQ(plan({}).bytes.weights, of(1, 0, 1, 0));
  EXPECT_EQ(plan({.tensor = 8}).bytes.weights, of(1, 0, 8, 0));
  const double last = plan({.pipeline = 4}).bytes.weights;
  EXPECT_TRUE(last == of(4, 0, 1, 0) || last == of(4, 3, 1, 0));
  EXPECT_EQ(plan({.data = 4}).bytes.weights, plan({}).bytes.weights);
}

TEST(Plan, FsdpRanksHoldTheirShareAndTwoLayers) {
  const double layer =
      2.0 * static_cast<double>(model::layer_matrix_numbers(llama3_8b().layers[0], 4096));
  const double norms = 65 * 4096 * 4;  // whole on every rank
  EXPECT_EQ(plan({.fsdp = 8}).bytes.weights,
            norms + (plan({}).bytes.weights - norms) / 8 + 2 * layer);
}

TEST(Plan, TrafficOfAMeshIsThatOfItsCollectives) {
  const MeshPlan alone = plan({});
  EXPECT_EQ(alone.traffic.gradient + alone.traffic.tensor + alone.traffic.head +
                alone.traffic.pipeline + alone.traffic.fsdp,
            0);
  EXPECT_EQ(alone.communication_seconds, 0);
  // Half of the gradient out, and the other half's sum.
  EXPECT_EQ(plan({.data = 2}).traffic.gradient, 20 * 4096 * 4);
  // Four sums in each layer but the last, there one of all rows and three of target rows; one of
  // the embedded rows.
  const double rows = 20 + 32 * 200;
  const double sums = 31 * 4 * rows + rows + 3 * 64 + 32 * 200;
  EXPECT_EQ(plan({.tensor = 2}).traffic.tensor, sums * 4096 * 2);
  EXPECT_EQ(plan({.pipeline = 2}).traffic.pipeline, rows * 4096 * 2);
  EXPECT_EQ(plan({.pipeline = 4}).traffic.pipeline, 2 * rows * 4096 * 2);
  EXPECT_GT(plan({.fsdp = 2}).traffic.fsdp, plan({}).bytes.weights * 0.8);
}

TEST(Plan, EveryPromptIsSummedButABatchHoldsNoMoreThanItsExamples) {
  Workload three = kStep;
  three.prompts = 3;
  EXPECT_EQ(plan({.data = 2}, three).traffic.gradient, 3 * plan({.data = 2}).traffic.gradient);
  EXPECT_EQ(plan({}, three).bytes.optimizer, 3 * plan({}).bytes.optimizer);
  const double example_rows = 32 * 200;
  EXPECT_EQ(plan({.pipeline = 2}, three).traffic.pipeline, (3 * 20 + example_rows) * 4096 * 2);
  three.prompts = 100;
  EXPECT_EQ(plan({.pipeline = 2}, three).traffic.pipeline, (32 * 20 + example_rows) * 4096 * 2);
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
  const double numbers =
      31.0 * static_cast<double>(model::layer_matrix_numbers(llama3_8b().layers[0], 4096));
  const double expected = 4 * numbers * (20 + 32 * 200) / kMachine.flops;
  EXPECT_NEAR(plan({}).compute_seconds, expected, 0.03 * expected);
}

TEST(Plan, ActivationsGrowWithTheRowsAtOnceAndShrinkWithMicroBatches) {
  Workload small = kStep;
  small.micro_batch_rows = 1600;
  EXPECT_EQ(plan({}, small).micro_batches, 4);
  EXPECT_LT(plan({}, small).bytes.activations, plan({}).bytes.activations / 3);
  EXPECT_LT(plan({.tensor = 4}).bytes.activations, plan({}).bytes.activations / 2);
}

TEST(Plan, TheLargestBatchFitsAndOneMoreOfEachCopyDoesNot) {
  for (const comm::MeshShape& shape :
       {comm::MeshShape{}, comm::MeshShape{.data = 2, .tensor = 4}}) {
    Workload w = kStep;
    w.batch_size = plan(shape).largest_batch;
    w.micro_batch_rows = 1 << 30;
    ASSERT_GT(w.batch_size, 0);
    EXPECT_TRUE(plan(shape, w).fits);
    w.batch_size += shape.data;
    EXPECT_FALSE(plan(shape, w).fits);
  }
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
