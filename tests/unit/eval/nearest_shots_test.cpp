#include "eval/nearest_shots.h"

#include <ATen/ops/from_blob.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/single.h"
#include "core/error.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using ::testing::ElementsAre;

at::Tensor matrix(std::vector<double> values, std::int64_t width) {
  const auto rows = std::ssize(values) / width;
  return at::from_blob(values.data(), {rows, width}, at::kDouble).clone();
}

TEST(NearestRows, AreInTheOrderOfTheirSimilarity) {
  const at::Tensor pool = matrix({1, 0, 0.6, 0.8, 0, 1}, 2);
  EXPECT_THAT(nearest_rows(matrix({1, 0, 0, 1}, 2), pool, 2),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 1)));
}

TEST(NearestRows, TiesGoToTheFirstOfTheFile) {
  const at::Tensor pool = matrix({0.6, 0.8, 0.6000001, 0.8, 0.6, -0.8, 1, 0}, 2);
  EXPECT_THAT(nearest_rows(matrix({1, 0}, 2), pool, 3), ElementsAre(ElementsAre(3, 0, 1)));
}

TEST(MeanStates, HaveLength1AndAreTheSameInAnyBatches) {
  const model::Backbone backbone = testing_support::tiny_backbone();
  const data::Task task = testing_support::tiny_task();
  const data::Dataset dataset = testing_support::tiny_dataset(task, 9, 1);
  const auto alone = comm::make_single();
  const at::Tensor states = mean_states(backbone, dataset, 1000, *alone);
  ASSERT_EQ(states.size(0), 9);
  EXPECT_NEAR(states.mul(states).sum(1).sub(1).abs().max().item<double>(), 0, 1e-9);
  const at::Tensor others = mean_states(backbone, dataset, 1, *alone);
  EXPECT_NEAR(states.sub(others).abs().max().item<double>(), 0, 1e-5);
}

}  // namespace
}  // namespace incipit::eval
