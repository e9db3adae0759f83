// The members of a sweep in one batch.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "comm/single.h"
#include "core/files.h"
#include "core/stop_request.h"
#include "tests/support/prompts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_task.h"
#include "trainer/checkpoint.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

using testing_support::tiny_dataset;
using testing_support::tiny_prompt;
using testing_support::values_of;

class StepRecorder : public TrainObserver {
 public:
  void on_step(const telemetry::StepRecord& record) override {
    records.push_back(record);
    if (record.step == stop_at) request_stop(SIGUSR1);
  }
  [[nodiscard]] double flops() const {
    double sum = 0;
    for (const telemetry::StepRecord& record : records) sum += record.flops;
    return sum;
  }

  std::int64_t stop_at = -1;
  std::vector<telemetry::StepRecord> records;
};

class SweepRun : public ::testing::Test {
 protected:
  SweepRun() {
    at::set_num_threads(1);
    splits_.train = tiny_dataset(task_, 24, 3);
    splits_.validation = tiny_dataset(task_, 9, 4);
    splits_.test = tiny_dataset(task_, 7, 5);
    options_.steps = 10;
    options_.batch_size = 4;
    options_.loss = Loss::kCandidates;
    options_.eval_every = 5;
    options_.checkpoint_every = 5;
    options_.max_grad_norm = 0.5;
    options_.schedule = {.kind = ScheduleKind::kLinear, .warmup_steps = 2};
  }

  // Two settings, of which the first has two members.
  [[nodiscard]] static std::vector<SweepMember> members() {
    return {{"slow", 0.02, 1}, {"slow", 0.02, 2}, {"fast", 0.1, 1}};
  }
  [[nodiscard]] static testing_support::Prompts starts() { return {start(0), start(1), start(2)}; }
  [[nodiscard]] static std::shared_ptr<methods::Trainable> start(std::size_t member) {
    const std::array<std::int64_t, 3> rows{5, 5, 3};
    const at::Tensor values = tiny_prompt(rows[member]);
    return testing_support::soft_prompt(std::to_string(member), member == 1 ? -values : values);
  }

  [[nodiscard]] TrainSetup setup(TrainObserver& observer, const std::string& dir,
                                 std::vector<SweepMember> members) const {
    TrainSetup setup{
        .backbone = backbone_,
        .tasks = {},
        .mesh = mesh_,
        .observer = observer,
        .train = options_,
        .eval = {.batch_tokens = 300},
        .seed = 1,
        .run_dir = folder_ / dir,
        .backbone_info = {.name = "tiny", .weights_fingerprint = "", .hidden_size = 32}};
    for (std::size_t i = 0; i < std::max<std::size_t>(members.size(), 1); ++i) {
      setup.tasks.push_back(testing_support::loaded("member" + std::to_string(i), task_, splits_));
    }
    setup.members = std::move(members);
    return setup;
  }
  // Trains a member as a separate run.
  TrainResult train_alone(std::size_t member, StepRecorder& recorder, at::Tensor& values) const {
    TrainSetup own = setup(recorder, "alone" + std::to_string(member), {});
    own.seed = members()[member].seed;
    own.train.optimizer.lr = members()[member].lr;
    Trainer trainer(own, {start(member)});
    TrainResult result = trainer.run();
    values = values_of(trainer.trained());
    return result;
  }
  [[nodiscard]] std::string text(const std::string& dir, const std::string& file) const {
    return read_text(folder_ / dir / file);
  }

  incipit::testing::TemporaryFolder folder_;
  data::Task task_ = testing_support::tiny_task();
  model::Backbone backbone_ = testing_support::tiny_backbone();
  comm::Mesh mesh_{comm::make_single(), {}};
  data::Splits splits_;
  TrainOptions options_;
};

TEST_F(SweepRun, EachMemberLearnsAsInARunOfItsOwn) {
  for (const auto kind : {OptimizerKind::kAdamW, OptimizerKind::kAdafactor}) {
    options_.optimizer = {.kind = kind, .weight_decay = 1e-4};
    StepRecorder together;
    Trainer sweep(setup(together, "sweep", members()), starts());
    const TrainResult result = sweep.run();
    double flops = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      StepRecorder alone;
      at::Tensor values;
      const TrainResult own = train_alone(i, alone, values);
      EXPECT_TRUE(values_of(sweep.trained(i)).allclose(values, 1e-3, 1e-5)) << i;
      ASSERT_EQ(alone.records.size(), together.records.size());
      for (std::size_t step = 0; step < alone.records.size(); ++step) {
        EXPECT_NEAR(together.records[step].losses[i].second, alone.records[step].loss, 1e-4);
      }
      EXPECT_EQ(result.tasks[i].best_step, own.tasks[0].best_step);
      EXPECT_EQ(result.tasks[i].test, own.tasks[0].test);
      flops += alone.flops();
    }
    EXPECT_NEAR(together.flops() / flops, 1, 0.02);
  }
}

TEST_F(SweepRun, ResumedEndsInTheSameBytes) {
  StepRecorder whole;
  (void)Trainer(setup(whole, "whole", members()), starts()).run();
  {
    const StopSignals signals(OnSignal::kStop, /*announce=*/false);
    StepRecorder stopped;
    stopped.stop_at = 7;
    EXPECT_TRUE(Trainer(setup(stopped, "parts", members()), starts()).run().stopped);
  }
  StepRecorder rest;
  Trainer resumed(setup(rest, "parts", members()), starts());
  resumed.restore(newest_checkpoint(folder_ / "parts")->state);
  (void)resumed.run();
  for (const char* file :
       {"checkpoints/step-10/state.safetensors", "adapter/best/member0/adapter_model.safetensors",
        "adapter/last/member1/adapter_model.safetensors",
        "adapter/best/member2/adapter_model.safetensors", "scores.json"}) {
    EXPECT_EQ(text("parts", file), text("whole", file)) << file;
  }
}

TEST_F(SweepRun, MembersOfASettingAreAnEnsemble) {
  StepRecorder recorder;
  Trainer trainer(setup(recorder, "run", members()), starts());
  const TrainResult result = trainer.run();
  ASSERT_EQ(result.ensembles.size(), 1u);  // the other setting has one member
  EXPECT_EQ(result.ensembles[0].name, "slow");
  EXPECT_EQ(result.ensembles[0].members, (std::vector<std::size_t>{0, 1}));
  for (const char* name : {"member0", "member1", "member2", "slow-vote", "slow-mean_probability"}) {
    EXPECT_FALSE(text("run", "predictions/" + std::string(name) + "/test.jsonl").empty());
  }
}

}  // namespace
}  // namespace incipit::trainer
