// Trainings of one random model on meshes of ranks that are threads.
#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "comm/threads.h"
#include "families/llama/config.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"
#include "trainer/trainer.h"

namespace incipit::trainer::mesh_runs {

inline constexpr int kPromptRows = 5;

// Nine heads in three groups, so that no split by heads is even.
inline llama::Config config(bool tied = true) {
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

inline std::ostream& operator<<(std::ostream& out, const Case& of) { return out << of.name; }

// Runs a function on so many ranks.
using RunOnRanks = void (*)(int, const std::function<void(comm::Communicator&)>&);

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
    run_(shape.product(), [&](comm::Communicator& world) {
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

  RunOnRanks run_ = [](int ranks, const auto& body) { comm::run_on_threads(ranks, body); };
  data::Task task_ = testing_support::tiny_task();
  data::Splits splits_{.train = testing_support::tiny_dataset(task_, 24, 3),
                       .validation = testing_support::tiny_dataset(task_, 9, 4),
                       .test = testing_support::tiny_dataset(task_, 7, 5),
                       .demonstrations = {}};
  std::filesystem::path run_dir_ =
      std::filesystem::temp_directory_path() / ("incipit-meshes-test-" + std::to_string(getpid()));
};

}  // namespace incipit::trainer::mesh_runs
