// Runs that stop and resume, in one process.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "core/files.h"
#include "core/stop_request.h"
#include "methods/registry.h"
#include "tests/support/errors.h"
#include "tests/support/file_limit.h"
#include "tests/support/prompts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_task.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

namespace fs = std::filesystem;
using testing_support::tiny_dataset;

class Watcher : public TrainObserver {
 public:
  void on_step(const telemetry::StepRecord& record) override {
    losses.push_back(record.loss);
    if (record.step == stop_at) request_stop(SIGUSR1);
    if (then) then(record.step);
  }
  void on_evaluation_progress(const ScoredSplit& which, std::int64_t, std::int64_t) override {
    if (which.split == stop_in) request_stop(SIGUSR1);
  }
  void on_scores(std::int64_t step, const ScoredSplit& which,
                 std::span<const std::pair<std::string, double>>) override {
    scored.push_back(which.split + " " + std::to_string(step));
  }
  void on_checkpoint(std::int64_t step, double, bool ok) override {
    (ok ? saved : failed).push_back(step);
  }

  std::int64_t stop_at = -1;
  std::string stop_in;
  std::function<void(std::int64_t)> then;
  std::vector<double> losses;
  std::vector<std::string> scored;
  std::vector<std::int64_t> saved;
  std::vector<std::int64_t> failed;
};

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() {
    at::set_num_threads(1);
    splits_.train = tiny_dataset(task_, 24, 3);
    splits_.validation = tiny_dataset(task_, 9, 4);
    splits_.test = tiny_dataset(task_, 7, 5);
    options_.steps = 12;
    options_.batch_size = 8;
    options_.eval_every = 4;
    options_.checkpoint_every = 3;
    options_.optimizer.lr = 0.02;
  }

  [[nodiscard]] TrainResult run(const comm::Mesh& mesh, Watcher& watcher, const fs::path& dir,
                                const std::optional<Checkpoint>& from = std::nullopt) const {
    const model::Backbone backbone = testing_support::tiny_backbone();
    Trainer trainer(
        {.backbone = backbone,
         .tasks = {testing_support::loaded("tiny", task_, splits_)},
         .mesh = mesh,
         .observer = watcher,
         .train = options_,
         .eval = {.batch_tokens = 60},
         .seed = 1,
         .run_dir = dir,
         .backbone_info = {.name = "tiny", .weights_fingerprint = "", .hidden_size = 32},
         .steps_ahead = steps_ahead_},
        {start_()});
    if (from) trainer.restore(from->state);
    return trainer.run();
  }
  [[nodiscard]] TrainResult run_alone(Watcher& watcher, const std::string& name,
                                      bool resume = false) const {
    const comm::Mesh mesh(comm::make_single(), {});
    std::optional<Checkpoint> from;
    if (resume) from = newest_checkpoint(folder_ / name);
    return run(mesh, watcher, folder_ / name, from);
  }
  // Losses of rank 0; the newest checkpoint is taken where there is one.
  [[nodiscard]] std::vector<double> run_on(int ranks, std::int64_t stop_at,
                                           const std::string& name) const {
    const StopSignals signals(OnSignal::kStop, /*announce=*/false);
    const auto from = newest_checkpoint(folder_ / name);
    std::vector<double> losses;
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.data = ranks});
      Watcher watcher;
      if (world.rank() == 0) watcher.stop_at = stop_at;
      std::optional<Checkpoint> mine;
      if (from) mine = world.rank() == 0 ? *from : Checkpoint{};  // rank 0 alone has read it
      const TrainResult result = run(mesh, watcher, folder_ / name, mine);
      EXPECT_EQ(result.stopped, stop_at >= 0);
      if (world.rank() == 0) losses = watcher.losses;
    });
    return losses;
  }
  // What the run leaves behind for its user.
  [[nodiscard]] std::string outcome(const std::string& name) const {
    std::vector<fs::path> files{folder_ / name / "scores.json"};
    for (const char* part : {"adapter", "model", "predictions", "checkpoints/step-12"}) {
      if (!fs::exists(folder_ / name / part)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(folder_ / name / part)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    EXPECT_GE(files.size(), 7U) << "best, last, predictions, scores, three of the checkpoint";
    std::string text;
    for (const fs::path& file : files) text += read_text(file);
    return text;
  }

  data::Task task_ = testing_support::tiny_task();
  data::Splits splits_;
  TrainOptions options_;
  int steps_ahead_ = 0;
  std::function<std::shared_ptr<methods::Trainable>()> start_ =
      []() -> std::shared_ptr<methods::Trainable> {
    return testing_support::soft_prompt("tiny", testing_support::tiny_prompt(5));
  };
  incipit::testing::TemporaryFolder folder_;
};

// Also through a projection, which adapters do not have.
TEST_F(ResumeTest, EveryMethodEndsInTheSameBytes) {
  for (methods::MethodOptions options : methods::example_options()) {
    SCOPED_TRACE(options.kind);
    if (!options.tasks.empty()) options.tasks.resize(1);  // as the run
    fs::remove_all(folder_ / "whole");
    fs::remove_all(folder_ / "parts");
    start_ = [&] {
      methods::StartInputs inputs;
      inputs.spec = testing_support::tiny_backbone().spec();
      return methods::make_trainable(options, inputs, "tiny");
    };
    Watcher whole;
    (void)run_alone(whole, "whole");
    Watcher first;
    Watcher second;
    {
      const StopSignals signals(OnSignal::kStop, /*announce=*/false);
      first.stop_at = 5;
      EXPECT_TRUE(run_alone(first, "parts").stopped);
    }
    EXPECT_FALSE(run_alone(second, "parts", /*resume=*/true).stopped);
    EXPECT_EQ(outcome("parts"), outcome("whole"));
  }
}

TEST_F(ResumeTest, ARunOfAHostThatRunsAheadStopsAndEndsInTheSameBytes) {
  Watcher whole;
  (void)run_alone(whole, "whole");
  steps_ahead_ = 1;
  for (const std::int64_t stop : {2, 6}) {
    fs::remove_all(folder_ / "parts");
    Watcher first;
    Watcher second;
    {
      const StopSignals signals(OnSignal::kStop, /*announce=*/false);
      first.stop_at = stop;
      EXPECT_TRUE(run_alone(first, "parts").stopped);
    }
    EXPECT_FALSE(run_alone(second, "parts", /*resume=*/true).stopped);
    EXPECT_EQ(outcome("parts"), outcome("whole"));
    first.losses.insert(first.losses.end(), second.losses.begin(), second.losses.end());
    EXPECT_EQ(first.losses, whole.losses);
  }
}

TEST_F(ResumeTest, ARunStoppedAtAnyStepEndsInTheSameBytes) {
  for (const OptimizerKind kind :
       {OptimizerKind::kAdamW, OptimizerKind::kAdafactor, OptimizerKind::kSgd}) {
    options_.optimizer.kind = kind;
    options_.optimizer.momentum = 0.5;
    Watcher whole;
    (void)run_alone(whole, "whole");
    for (const std::int64_t stop : {1, 4, 6, 11}) {
      fs::remove_all(folder_ / "parts");
      Watcher first;
      Watcher second;
      {
        const StopSignals signals(OnSignal::kStop, /*announce=*/false);
        first.stop_at = stop;
        const TrainResult stopped = run_alone(first, "parts");
        EXPECT_TRUE(stopped.stopped);
        // The signal came after the flags of its step were compared: one step more, but that
        // after step 4 an evaluation is left.
        const std::int64_t last = stop == 4 ? stop : stop + 1;
        EXPECT_EQ(stopped.steps, last);
        EXPECT_EQ(first.saved.back(), last);
      }
      const TrainResult result = run_alone(second, "parts", true);
      EXPECT_EQ(result.steps, 12);
      std::vector<double> losses = first.losses;
      losses.insert(losses.end(), second.losses.begin(), second.losses.end());
      EXPECT_EQ(losses, whole.losses) << "stopped at " << stop;
      std::vector<std::string> scored = first.scored;
      scored.insert(scored.end(), second.scored.begin(), second.scored.end());
      EXPECT_EQ(scored, whole.scored) << "stopped at " << stop;
      EXPECT_TRUE(outcome("parts") == outcome("whole")) << "stopped at " << stop;
    }
  }
}

TEST_F(ResumeTest, AnEvaluationIsLeftAndMadeAgain) {
  Watcher whole;
  (void)run_alone(whole, "whole");
  for (const std::string split : {"validation", "test"}) {
    fs::remove_all(folder_ / "parts");
    Watcher first;
    Watcher second;
    {
      const StopSignals signals(OnSignal::kStop, /*announce=*/false);
      first.stop_in = split;
      EXPECT_TRUE(run_alone(first, "parts").stopped);
    }
    EXPECT_THAT(first.scored, ::testing::Not(::testing::Contains(::testing::HasSubstr(
                                  split == "validation" ? "validation 4" : "test"))));
    (void)run_alone(second, "parts", true);
    EXPECT_TRUE(outcome("parts") == outcome("whole")) << split;
  }
}

TEST_F(ResumeTest, AnotherNumberOfRanksGoesOnWithTheSameLosses) {
  options_.optimizer.lr = 0.001;
  const std::vector<double> whole = run_on(1, -1, "whole");
  for (const int ranks : {1, 4}) {
    const std::string name = "then_" + std::to_string(ranks);
    std::vector<double> losses = run_on(2, 5, name);
    const std::size_t done = losses.size();
    EXPECT_GE(done, 5u);
    const std::vector<double> rest = run_on(ranks, -1, name);
    losses.insert(losses.end(), rest.begin(), rest.end());
    ASSERT_EQ(losses.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_NEAR(losses[i], whole[i], 1e-4) << "step " << i + 1 << " on " << ranks << " ranks";
    }
  }
}

TEST_F(ResumeTest, MoreStepsGoOnAsIfTheRunHadNeverEnded) {
  Watcher whole;
  (void)run_alone(whole, "whole");
  options_.steps = 7;  // neither an evaluation nor a checkpoint is due then
  Watcher first;
  (void)run_alone(first, "longer");
  options_.steps = 12;
  Watcher second;
  (void)run_alone(second, "longer", true);
  EXPECT_EQ(second.losses.size(), 5u);
  EXPECT_TRUE(outcome("longer") == outcome("whole"));
}

TEST_F(ResumeTest, OnlyTheNewestCheckpointsStay) {
  Watcher watcher;
  options_.keep_checkpoints = 3;
  (void)run_alone(watcher, "kept");
  EXPECT_EQ(watcher.saved, (std::vector<std::int64_t>{3, 6, 9, 12}));
  EXPECT_FALSE(fs::exists(folder_ / "kept/checkpoints/step-3"));
  for (const char* name : {"step-6", "step-9", "step-12"}) {
    EXPECT_TRUE(fs::exists(folder_ / "kept/checkpoints" / name)) << name;
  }
}

TEST_F(ResumeTest, AFullDiskForAWhileCostsCheckpointsAndNotTheRun) {
  std::optional<incipit::testing::FileSizeLimit> full;
  Watcher watcher;
  watcher.then = [&](std::int64_t step) {
    if (step == 5) full.emplace(100);
    if (step == 10) full.reset();
  };
  (void)run_alone(watcher, "full");
  EXPECT_EQ(watcher.saved, (std::vector<std::int64_t>{3, 12}));
  EXPECT_EQ(watcher.failed, (std::vector<std::int64_t>{6, 9}));
}

TEST_F(ResumeTest, SavesThatGoOnFailingEndTheRun) {
  options_.max_checkpoint_failures = 2;
  options_.eval_every = 0;
  std::optional<incipit::testing::FileSizeLimit> full;
  Watcher watcher;
  watcher.then = [&](std::int64_t step) {
    if (step == 4) full.emplace(100);
  };
  const std::string message =
      incipit::testing::message_of<DataError>([&] { (void)run_alone(watcher, "full"); });
  full.reset();
  EXPECT_THAT(message, ::testing::HasSubstr("step-9.tmp/state.safetensors"));
  EXPECT_THAT(message, ::testing::HasSubstr("2 failures in a row"));
  EXPECT_EQ(watcher.failed, (std::vector<std::int64_t>{6, 9}));
  EXPECT_EQ(newest_checkpoint(folder_ / "full")->state.step, 3);
}

TEST_F(ResumeTest, ACheckpointThatDoesNotFitIsRefused) {
  Watcher watcher;
  (void)run_alone(watcher, "run");
  const auto saved = newest_checkpoint(folder_ / "run");
  ASSERT_TRUE(saved);
  const comm::Mesh mesh(comm::make_single(), {});
  for (const char* what : {"seed", "tensor"}) {
    Checkpoint other = *saved;
    if (std::string(what) == "seed") other.state.seed = 99;
    if (std::string(what) == "tensor") other.state.tensors.erase("optimizer.exp_avg");
    EXPECT_THAT(incipit::testing::message_of<DataError>(
                    [&] { (void)run(mesh, watcher, folder_ / "other", other); }),
                ::testing::HasSubstr(what));
  }
}

}  // namespace
}  // namespace incipit::trainer
