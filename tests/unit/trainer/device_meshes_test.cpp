// Trainings on meshes whose operations are enqueued, as on GPUs, and overlap with computation.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/support/fake_gpus.h"
#include "tests/unit/trainer/mesh_runs.h"

namespace incipit::trainer {
namespace {

using namespace mesh_runs;

class DeviceMeshes : public MeshRuns, public ::testing::WithParamInterface<Case> {
 protected:
  [[nodiscard]] Outcome train_on_gpus(const TrainOptions& options) {
    const RunOnRanks threads = std::exchange(
        run_, [](int ranks, const auto& body) { testing::run_on_fake_gpus(ranks, body); });
    Outcome outcome = train(GetParam().shape, options);
    run_ = threads;
    return outcome;
  }
};

// Sums have the same order on both, so the bits are the same.
TEST_P(DeviceMeshes, TrainAsRanksThatWaitDo) {
  TrainOptions options = MeshRuns::options(GetParam().loss);
  options.steps = 6;
  options.eval_every = 3;
  const Outcome waiting = train(GetParam().shape, options);
  const Outcome overlapping = train_on_gpus(options);
  ASSERT_EQ(waiting.losses.size(), 6u);
  EXPECT_EQ(overlapping.losses, waiting.losses);
  EXPECT_TRUE(at::equal(overlapping.prompt, waiting.prompt));
  EXPECT_EQ(overlapping.result.tasks[0].test, waiting.result.tasks[0].test);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceMeshes,
    ::testing::Values(Case{"data_2", {.data = 2}}, Case{"tensor_2", {.tensor = 2}},
                      Case{"pipeline_2", {.pipeline = 2}}, Case{"pipeline_3", {.pipeline = 3}},
                      Case{"pipeline_5", {.pipeline = 5}}, Case{"fsdp_2", {.fsdp = 2}},
                      Case{"data_2_pipeline_2", {.data = 2, .pipeline = 2}},
                      Case{"fsdp_2_pipeline_2_tensor_2", {.fsdp = 2, .pipeline = 2, .tensor = 2}},
                      Case{"pipeline_3_candidates", {.pipeline = 3}, Loss::kCandidates}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace incipit::trainer
