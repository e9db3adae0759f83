// The same training on every mesh: ranks as threads, each with its part of one random model.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/trainer/mesh_runs.h"

namespace incipit::trainer {
namespace {

using namespace mesh_runs;

class Meshes : public MeshRuns, public ::testing::WithParamInterface<Case> {};

TEST_P(Meshes, TrainAsOneRankDoes) {
  const Outcome one = train({}, GetParam().loss, GetParam().tied);
  const Outcome several = train(GetParam().shape, GetParam().loss, GetParam().tied);
  ASSERT_EQ(one.losses.size(), 20u);
  ASSERT_EQ(several.losses.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_NEAR(several.losses[i], one.losses[i], 1e-4) << "step " << i + 1;
  }
  EXPECT_LT(several.prompt.sub(one.prompt).abs().max().item<double>(), 1e-3);
  EXPECT_GT(one.prompt.sub(start()).abs().max().item<double>(), 1e-2);
  EXPECT_EQ(several.samples, one.samples);
  EXPECT_EQ(several.result.tasks[0].test, one.result.tasks[0].test);
  EXPECT_EQ(several.result.tasks[0].best_step, one.result.tasks[0].best_step);
}

// Of data parallel ranks; docs/scale.md counts their messages.
TEST_F(MeshRuns, ARankCallsNoMoreOperationsOn64RanksThanOn2) {
  TrainOptions options = MeshRuns::options(Loss::kTargetTokens);
  options.steps = 4;
  options.eval_every = 2;
  options.batch_size = 64;
  options.micro_batch_tokens = 10000;
  const Outcome two = train({.data = 2}, options);
  const Outcome many = train({.data = 64}, options);
  EXPECT_GT(two.operations, 4);
  EXPECT_EQ(many.operations, two.operations);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Meshes,
    ::testing::Values(
        Case{"data_2", {.data = 2}}, Case{"data_4", {.data = 4}}, Case{"tensor_2", {.tensor = 2}},
        Case{"tensor_3", {.tensor = 3}}, Case{"pipeline_2", {.pipeline = 2}},
        Case{"pipeline_3", {.pipeline = 3}}, Case{"data_2_tensor_2", {.data = 2, .tensor = 2}},
        Case{"data_2_pipeline_2", {.data = 2, .pipeline = 2}},
        Case{"pipeline_2_tensor_2", {.pipeline = 2, .tensor = 2}}, Case{"fsdp_2", {.fsdp = 2}},
        Case{"fsdp_3", {.fsdp = 3}}, Case{"data_2_fsdp_2", {.data = 2, .fsdp = 2}},
        Case{"fsdp_2_tensor_2", {.fsdp = 2, .tensor = 2}},
        Case{"fsdp_3_pipeline_2", {.fsdp = 3, .pipeline = 2}},
        Case{"fsdp_2_pipeline_2_tensor_2", {.fsdp = 2, .pipeline = 2, .tensor = 2}},
        Case{"64_ranks", {.data = 8, .fsdp = 2, .pipeline = 2, .tensor = 2}},
        Case{"fsdp_2_tensor_3_untied", {.fsdp = 2, .tensor = 3}, Loss::kTargetTokens, false},
        Case{"fsdp_3_pipeline_2_candidates", {.fsdp = 3, .pipeline = 2}, Loss::kCandidates},
        Case{"fsdp_3_candidates", {.fsdp = 3}, Loss::kCandidates},
        Case{"fsdp_2_untied", {.fsdp = 2}, Loss::kTargetTokens, false},
        Case{"pipeline_2_untied", {.pipeline = 2}, Loss::kTargetTokens, false},
        Case{"pipeline_2_candidates", {.pipeline = 2}, Loss::kCandidates},
        Case{"pipeline_3_candidates", {.pipeline = 3}, Loss::kCandidates}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace incipit::trainer
