#include "launcher/resume.h"

#include <gmock/gmock.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "launcher/run_dir.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::launcher {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = RunPlan::Kind;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    config_.run.output_dir = (folder_ / "run").string();
    config_.model.path = "models/some";
  }
  // A run of config_ is in the directory.
  void stand(const char* finished, std::initializer_list<std::int64_t> checkpoints) {
    make_run_dir(folder_ / "run");
    describe_run(folder_ / "run", configs::resolved_yaml(config_),
                 std::string(R"({"command":"train","finished":)") + finished + "}");
    for (const std::int64_t step : checkpoints) {
      trainer::TrainState state{.step = step};
      state.tensors["prompt"] = incipit::testing::floats({1}, {0});
      trainer::write_checkpoint(folder_ / "run", state, {});
    }
  }
  [[nodiscard]] std::string refusal() const {
    return incipit::testing::message_of<ConfigError>([&] { (void)plan_run(config_, false); });
  }

  incipit::testing::TemporaryFolder folder_;
  configs::RunConfig config_;
};

TEST_F(PlanTest, AnEmptyDirectoryGetsANewRun) {
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kNew);
}

TEST_F(PlanTest, AnUnfinishedRunGoesOn) {
  stand("null", {100, 200});
  const RunPlan plan = plan_run(config_, false);
  ASSERT_EQ(plan.kind, Kind::kResume);
  EXPECT_EQ(plan.checkpoint->state.step, 200);
  EXPECT_EQ(plan_run(config_, true).kind, Kind::kNew);
}

TEST_F(PlanTest, WhatChangesNothingButRoundingAndTalkMayDiffer) {
  stand("null", {100});
  config_.parallel.timeout_seconds = 5;
  config_.metrics.listen = "127.0.0.1:0";
  config_.log.level = "debug";
  config_.run.name = "another";
  config_.train.steps += 100;
  config_.train.checkpoint_every = 7;
  config_.train.keep_checkpoints = 7;
  config_.train.micro_batch_tokens = 77;
  config_.eval.batch_tokens = 77;
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kResume);
}

TEST_F(PlanTest, AnotherConfigurationIsRefusedKeyByKey) {
  stand("null", {100});
  config_.train.optimizer.lr = 0.5;
  config_.train.examples = 20;
  config_.run.seed = 99;
  config_.train.steps = 200;
  EXPECT_THAT(refusal(), AllOf(HasSubstr(config_.run.output_dir),
                               HasSubstr("train.optimizer.lr: 0.01 before, 0.5 now"),
                               HasSubstr("train.examples: 0 before, 20 now"),
                               HasSubstr("run.seed: 17 before, 99 now"),
                               HasSubstr("train.steps (may grow only): 300 before, 200 now"),
                               HasSubstr("--fresh"), Not(HasSubstr("batch_size"))));
  EXPECT_EQ(plan_run(config_, true).kind, Kind::kNew);
}

TEST_F(PlanTest, ARunThatDiedBeforeItsFirstCheckpointStartsOver) {
  stand("null", {});
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kStartOver);
  config_.train.optimizer.lr = 0.5;  // nothing would be lost, and nothing is
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kNew);
}

TEST_F(PlanTest, AFinishedRunGoesOnOnlyForMoreSteps) {
  stand("\"2026-01-31T12:00:00Z\"", {300});
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kNew);
  config_.train.steps = 400;
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kResume);
  config_.train.batch_size = 1;
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kNew);
}

TEST_F(PlanTest, WithoutAWholeCheckpointTheRunIsMovedAsideAndNotOverwritten) {
  stand("null", {100});
  std::ofstream(folder_ / "run/checkpoints/step-100/state.json") << "torn";
  EXPECT_EQ(plan_run(config_, false).kind, Kind::kNew);
}

TEST_F(PlanTest, AConfigurationThatCannotBeReadIsSaidToBeSo) {
  stand("null", {100});
  write_atomically(folder_ / "run/config.yaml", "train: {steps: many}");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("config.yaml"), HasSubstr("--fresh")));
}

TEST(Facts, OtherDataAreRefusedAndOtherRanksAreNot) {
  const trainer::RunFacts now{.identity = {{"data", "17"}}, .circumstances = {{"ranks", "1"}}};
  trainer::Checkpoint checkpoint;
  checkpoint.folder = "run/checkpoints/step-7";
  checkpoint.facts = now;
  checkpoint.facts.circumstances["ranks"] = "2";
  EXPECT_NO_THROW(check_facts(checkpoint, now));
  checkpoint.facts.identity["data"] = "18";
  EXPECT_THAT(
      incipit::testing::message_of<ConfigError>([&] { check_facts(checkpoint, now); }),
      AllOf(HasSubstr("step-7"), HasSubstr("data: 18 before, 17 now"), HasSubstr("--fresh")));
}

}  // namespace
}  // namespace incipit::launcher
