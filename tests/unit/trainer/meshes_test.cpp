// The same training on every mesh: ranks as threads, each with its part of one random model.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "comm/threads.h"
#include "families/llama/config.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

using testing_support::tiny_dataset;
using testing_support::tiny_task;

constexpr int kPromptRows = 5;

// Nine heads in three groups, so that no split by heads is even.
llama::Config config(bool tied = true) {
  llama::Config c;
  c.model_type = "llama";
  c.hidden_size = 36;
  c.layers = 6;
  c.heads = 9;
  c.kv_heads = 3;
  c.head_dim = 4;
  c.intermediate_size = 50;
  c.vocab_size = 301;
  c.max_positions = 256;
  c.tied_embeddings = tied;
  return c;
}

class LossRecorder : public TrainObserver {
 public:
  void on_step(const telemetry::StepRecord& record) override {
    losses.push_back(record.loss);
    samples += record.samples;
  }
  std::vector<double> losses;
  std::int64_t samples = 0;
};

struct Outcome {
  std::vector<double> losses;
  std::int64_t samples = 0;
  at::Tensor prompt;
  TrainResult result;
  std::int64_t operations = 0;  // of a rank on others
};

struct Case {
  const char* name;
  comm::MeshShape shape;
  Loss loss = Loss::kTargetTokens;
  bool tied = true;  // embedding and head
};

std::ostream& operator<<(std::ostream& out, const Case& of) { return out << of.name; }

class MeshRuns : public ::testing::Test {
 protected:
  ~MeshRuns() override { std::filesystem::remove_all(run_dir_); }

  [[nodiscard]] static TrainOptions options(Loss loss) {
    TrainOptions options;
    options.steps = 20;
    options.batch_size = 8;
    options.micro_batch_tokens = 90;
    options.loss = loss;
    options.eval_every = 10;
    options.checkpoint_every = 0;
    options.optimizer.lr = 0.001;
    return options;
  }

  [[nodiscard]] Outcome train(const comm::MeshShape& shape, Loss loss, bool tied) const {
    return train(shape, options(loss), tied);
  }

  [[nodiscard]] Outcome train(const comm::MeshShape& shape, const TrainOptions& options,
                              bool tied = true) const {
    Outcome run;
    std::mutex mutex;
    comm::run_on_threads(shape.product(), [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), shape);
      const auto backbone =
          model::Backbone::random(config(tied).spec(), 7, {}, model::Placement(mesh));
      LossRecorder recorder;
      Trainer trainer({.backbone = backbone,
                       .tasks = {testing_support::loaded("tiny", task_, splits_)},
                       .mesh = mesh,
                       .observer = recorder,
                       .train = options,
                       .eval = {.batch_tokens = 100},
                       .seed = 1,
                       .run_dir = run_dir_,
                       .backbone_info = {.name = "tiny",
                                         .weights_fingerprint = "",
                                         .hidden_size = config().hidden_size}},
                      {testing_support::soft_prompt("tiny", start())});
      const std::int64_t before = world.context().operations;
      const TrainResult result = trainer.run();
      const std::int64_t operations = world.context().operations - before;
      const std::scoped_lock lock(mutex);
      if (!run.losses.empty()) {
        EXPECT_EQ(recorder.losses, run.losses) << "world rank " << world.rank();
      }
      run = {recorder.losses, recorder.samples, testing_support::values_of(trainer.trained()),
             result, operations};
    });
    return run;
  }

  [[nodiscard]] static at::Tensor start() {
    return testing_support::tiny_prompt(kPromptRows * 2)
        .view({-1})
        .narrow(0, 0, kPromptRows * 36)
        .view({kPromptRows, 36});
  }

  data::Task task_ = tiny_task();
  data::Splits splits_{.train = tiny_dataset(task_, 24, 3),
                       .validation = tiny_dataset(task_, 9, 4),
                       .test = tiny_dataset(task_, 7, 5),
                       .demonstrations = {}};
  std::filesystem::path run_dir_ =
      std::filesystem::temp_directory_path() / ("incipit-meshes-test-" + std::to_string(getpid()));
};

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
