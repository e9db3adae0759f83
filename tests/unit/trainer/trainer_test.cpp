#include "trainer/trainer.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "core/files.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"

namespace incipit::trainer {
namespace {

using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_prompt;
using testing_support::tiny_task;

class RunRecorder : public TrainObserver {
 public:
  void on_step(const telemetry::StepRecord& record) override {
    losses.push_back(record.loss);
    last = record;
    if (then) then(record.step);
  }
  void on_nonfinite_step(std::int64_t step) override { nonfinite.push_back(step); }
  void on_scores(std::int64_t step, const ScoredSplit& which,
                 std::span<const std::pair<std::string, double>> scores) override {
    by_split[which.split].emplace_back(step, scores.empty() ? NAN : scores[0].second);
  }

  std::function<void(std::int64_t)> then;
  std::vector<double> losses;
  std::vector<std::int64_t> nonfinite;
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> by_split;
  telemetry::StepRecord last;
};

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() {
    at::set_num_threads(1);
    splits_.train = tiny_dataset(task_, 24, 3);
    splits_.validation = tiny_dataset(task_, 9, 4);
    splits_.test = tiny_dataset(task_, 7, 5);
    options_.steps = 20;
    options_.batch_size = 8;
    options_.eval_every = 0;
    options_.checkpoint_every = 0;
    options_.optimizer.lr = 0.02;
  }
  ~TrainerTest() override { std::filesystem::remove_all(run_dir_); }

  [[nodiscard]] TrainSetup setup(const comm::Mesh& mesh, TrainObserver& observer) const {
    return {.backbone = backbone_,
            .tasks = {testing_support::loaded("tiny", task_, splits_)},
            .mesh = mesh,
            .observer = observer,
            .train = options_,
            .eval = {.batch_tokens = 100},
            .seed = 1,
            .run_dir = run_dir_,
            .backbone_info = {.name = "tiny", .weights_fingerprint = "", .hidden_size = 32}};
  }
  [[nodiscard]] static testing_support::Prompts start() {
    return {testing_support::soft_prompt("tiny", tiny_prompt(5))};
  }
  [[nodiscard]] static comm::Mesh alone() { return {comm::make_single(), {}}; }

  struct Run {
    TrainResult result;
    std::vector<double> losses;
    at::Tensor prompt;
    std::vector<std::int64_t> tokens;
  };
  // Rank 0's view of a run of `ranks` ranks; losses are compared over all of them.
  [[nodiscard]] Run run_on(int ranks) const {
    Run run;
    std::mutex mutex;
    std::vector<std::vector<double>> losses;
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.data = ranks});
      RunRecorder recorder;
      Trainer trainer(setup(mesh, recorder), start());
      const TrainResult result = trainer.run();
      const std::scoped_lock lock(mutex);
      losses.push_back(recorder.losses);
      if (world.rank() == 0) {
        run = {result,
               recorder.losses,
               testing_support::values_of(trainer.trained()),
               {recorder.last.samples}};
      }
    });
    for (const auto& other : losses) EXPECT_EQ(other, run.losses);
    return run;
  }

  data::Task task_ = tiny_task();
  model::Backbone backbone_ = tiny_backbone();
  data::Splits splits_;
  TrainOptions options_;
  std::filesystem::path run_dir_ =
      std::filesystem::temp_directory_path() / ("incipit-trainer-test-" + std::to_string(getpid()));
};

TEST_F(TrainerTest, LearnsAndLeavesTheBackboneAsItWas) {
  const std::string before = backbone_.weight_hash();
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  options_.steps = 60;
  const TrainResult result = Trainer(setup(mesh, recorder), start()).run();
  EXPECT_EQ(result.steps, 60);
  ASSERT_EQ(recorder.losses.size(), 60u);
  EXPECT_LT(recorder.losses.back(), 0.8 * recorder.losses.front());
  EXPECT_EQ(result.last_loss, recorder.losses.back());
  EXPECT_EQ(backbone_.weight_hash(), before);
}

TEST_F(TrainerTest, LossesDoNotDependOnTheNumberOfRanks) {
  options_.eval_every = 10;
  const Run one = run_on(1);
  for (const int ranks : {2, 4}) {
    const Run several = run_on(ranks);
    ASSERT_EQ(several.losses.size(), one.losses.size());
    for (std::size_t i = 0; i < one.losses.size(); ++i) {
      EXPECT_NEAR(several.losses[i], one.losses[i], 1e-4) << "step " << i + 1;
    }
    EXPECT_LT(several.prompt.sub(one.prompt).abs().max().item<double>(), 1e-3);
    EXPECT_EQ(several.tokens, one.tokens);
    EXPECT_EQ(several.result.tasks[0].test, one.result.tasks[0].test);
  }
}

TEST_F(TrainerTest, MoreRanksThanExamplesInABatch) {
  options_.batch_size = 3;
  options_.steps = 3;
  const Run one = run_on(1);
  const Run four = run_on(4);
  for (std::size_t i = 0; i < one.losses.size(); ++i) {
    EXPECT_NEAR(four.losses[i], one.losses[i], 1e-4);
  }
}

TEST_F(TrainerTest, MicroBatchesDoNotChangeARun) {
  for (const Loss loss : {Loss::kTargetTokens, Loss::kCandidates}) {
    options_.loss = loss;
    options_.micro_batch_tokens = 1 << 20;
    const Run whole = run_on(1);
    options_.micro_batch_tokens = 90;
    const Run cut = run_on(2);
    for (std::size_t i = 0; i < whole.losses.size(); ++i) {
      EXPECT_NEAR(cut.losses[i], whole.losses[i], 1e-4) << "step " << i + 1;
    }
  }
}

TEST_F(TrainerTest, KeepsTheBestAndTheLastAdapterAndScoresTheTestSplitOnce) {
  options_.eval_every = 5;
  options_.steps = 12;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  Trainer trainer(setup(mesh, recorder), start());
  std::map<std::int64_t, at::Tensor> prompts;
  recorder.then = [&](std::int64_t step) {
    prompts[step] = testing_support::values_of(trainer.trained()).clone();
  };
  const TrainResult result = trainer.run();

  const auto& validation = recorder.by_split["validation"];
  ASSERT_EQ(validation.size(), 3u);
  EXPECT_EQ(validation[0].first, 5);
  EXPECT_EQ(validation[2].first, 12);  // the last step is evaluated too
  EXPECT_EQ(recorder.by_split["test"].size(), 1u);
  for (const auto& [step, score] : validation) EXPECT_LE(score, *result.tasks[0].best_score);
  const auto best = prompt_tuning::load_peft_adapter(run_dir_ / "adapter" / "best");
  const auto last = prompt_tuning::load_peft_adapter(run_dir_ / "adapter" / "last");
  EXPECT_TRUE(best.prompt.values.equal(prompts.at(result.tasks[0].best_step)));
  EXPECT_TRUE(last.prompt.values.equal(prompts.at(12)));
  ASSERT_EQ(result.tasks[0].test.size(), 1u);
  EXPECT_EQ(result.tasks[0].test[0].first, "accuracy");
  EXPECT_FALSE(read_text(run_dir_ / "scores.json").empty());
  EXPECT_FALSE(read_text(run_dir_ / "predictions" / "test.jsonl").empty());
}

TEST_F(TrainerTest, StopsEarlyWhenTheScoreNoLongerRises) {
  options_.eval_every = 1;
  options_.optimizer.lr = 0;  // the score never changes
  options_.early_stop.patience = 3;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  const TrainResult result = Trainer(setup(mesh, recorder), start()).run();
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.steps, 4);
  EXPECT_EQ(result.tasks[0].best_step, 1);
}

TEST_F(TrainerTest, ATaskThatGeneratesIsChosenByItsLoss) {
  const data::Task task = testing_support::tiny_generation_task();
  const data::Splits splits{.train = tiny_dataset(task, 12, 3),
                            .validation = tiny_dataset(task, 5, 4),
                            .test = tiny_dataset(task, 5, 5),
                            .demonstrations = {}};
  options_.eval_every = 10;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  const TrainSetup base = setup(mesh, recorder);
  const TrainSetup own{.backbone = base.backbone,
                       .tasks = {testing_support::loaded("tiny", task, splits)},
                       .mesh = mesh,
                       .observer = recorder,
                       .train = base.train,
                       .eval = base.eval,
                       .seed = 1,
                       .run_dir = base.run_dir,
                       .backbone_info = base.backbone_info};
  const TrainResult result = Trainer(own, start()).run();
  const auto& validation = recorder.by_split["validation"];
  ASSERT_EQ(validation.size(), 2u);
  EXPECT_LT(validation[1].second, validation[0].second);  // it learns, so the loss falls
  EXPECT_EQ(result.tasks[0].best_step, 20);
  EXPECT_EQ(result.tasks[0].metric, "loss");
  EXPECT_EQ(*result.tasks[0].best_score, validation[1].second);
  EXPECT_EQ(result.tasks[0].test[0].first, "loss");
}

TEST_F(TrainerTest, ANonFiniteStepIsSkippedAndTheRunGoesOn) {
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  Trainer trainer(setup(mesh, recorder), start());
  at::Tensor good;
  recorder.then = [&](std::int64_t step) {
    at::Tensor prompt = testing_support::values_of(trainer.trained());
    if (step == 2) {
      good = prompt.clone();
      prompt.fill_(std::numeric_limits<float>::quiet_NaN());
    }
    if (step == 4) prompt.copy_(good);
  };
  const TrainResult result = trainer.run();
  EXPECT_EQ(recorder.nonfinite, (std::vector<std::int64_t>{3, 4}));
  EXPECT_TRUE(std::isnan(recorder.losses[2]));
  EXPECT_TRUE(std::isfinite(recorder.losses[4]));
  EXPECT_EQ(result.steps, 20);
}

// As on a device that computes while the host starts the next step.
TEST_F(TrainerTest, AHostThatRunsAheadLearnsTheSameAStepLater) {
  options_.eval_every = 5;
  options_.checkpoint_every = 4;
  const comm::Mesh mesh = alone();
  struct Seen {
    std::vector<double> losses;
    std::vector<std::int64_t> started_since;  // steps, by record
    std::string checkpoint;
  };
  const auto run = [&](int steps_ahead) {
    std::filesystem::remove_all(run_dir_);
    RunRecorder recorder;
    TrainSetup ahead = setup(mesh, recorder);
    ahead.steps_ahead = steps_ahead;
    Trainer trainer(ahead, start());
    Seen seen;
    std::int64_t step = 0;
    recorder.then = [&](std::int64_t recorded) {
      EXPECT_EQ(recorded, ++step);
      const TrainState now = trainer.state();
      seen.started_since.push_back(now.step - recorded);
    };
    (void)trainer.run();
    seen.losses = recorder.losses;
    EXPECT_EQ(recorder.by_split["validation"].size(), 4u);
    for (const char* file : {"state.json", "state.safetensors"}) {
      seen.checkpoint += read_text(run_dir_ / "checkpoints" / "step-20" / file);
    }
    return seen;
  };
  const Seen at_once = run(0);
  const Seen later = run(1);
  EXPECT_EQ(later.losses, at_once.losses);
  EXPECT_EQ(later.checkpoint, at_once.checkpoint);
  EXPECT_EQ(at_once.started_since, std::vector<std::int64_t>(20, 0));
  // The record of step 1 comes when step 2 was started. Before evaluations and checkpoints, at
  // multiples of 5 and of 4, the host reads all.
  EXPECT_EQ(later.started_since, (std::vector<std::int64_t>{1, 1, 1, 0, 0, 1, 1, 0, 1, 0,
                                                            1, 0, 1, 1, 0, 0, 1, 1, 1, 0}));
}

TEST_F(TrainerTest, AHostThatRunsAheadStopsAfterTheSameNumberOfNonFiniteSteps) {
  options_.max_nonfinite_steps = 2;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  TrainSetup ahead = setup(mesh, recorder);
  ahead.steps_ahead = 1;
  const testing_support::Prompts broken = start();
  broken[0]->parameters()[0].value[0][0].fill_(std::numeric_limits<float>::infinity());
  Trainer trainer(ahead, broken);
  try {
    (void)trainer.run();
    ADD_FAILURE() << "no error";
  } catch (const NumericsError& error) {
    EXPECT_NE(std::string(error.what()).find("step 3: "), std::string::npos) << error.what();
  }
  EXPECT_EQ(recorder.nonfinite, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(trainer.state().step, 4);
  EXPECT_FALSE(std::filesystem::exists(run_dir_));
}

TEST_F(TrainerTest, TooManyNonFiniteStepsEndTheRunOnEveryRankAndNothingIsSaved) {
  options_.max_nonfinite_steps = 2;
  std::mutex mutex;
  int thrown = 0;
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    at::set_num_threads(1);
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.data = 2});
    RunRecorder recorder;
    const testing_support::Prompts broken = start();
    broken[0]->parameters()[0].value[0][0].fill_(std::numeric_limits<float>::infinity());
    Trainer trainer(setup(mesh, recorder), broken);
    try {
      (void)trainer.run();
    } catch (const NumericsError& error) {
      const std::scoped_lock lock(mutex);
      ++thrown;
      EXPECT_NE(std::string(error.what()).find("3 steps in a row"), std::string::npos)
          << error.what();
      EXPECT_EQ(recorder.nonfinite.size(), 3u);
    }
  });
  EXPECT_EQ(thrown, 2);
  EXPECT_FALSE(std::filesystem::exists(run_dir_));
}

TEST_F(TrainerTest, ClippingBoundsTheStepOfPlainSgd) {
  options_.optimizer = {.kind = OptimizerKind::kSgd, .lr = 1.0};
  options_.max_grad_norm = 1e-3;
  options_.steps = 1;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  Trainer trainer(setup(mesh, recorder), start());
  (void)trainer.run();
  const double moved = testing_support::values_of(trainer.trained())
                           .sub(start()[0]->parameters()[0].value)
                           .square()
                           .sum()
                           .sqrt()
                           .item<double>();
  EXPECT_GT(recorder.last.grad_norm, 1e-3);
  EXPECT_NEAR(moved, 1e-3, 1e-6);
}

TEST_F(TrainerTest, EvaluationsNeedAValidationSplit) {
  splits_.validation = {};
  options_.eval_every = 5;
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  EXPECT_THROW(Trainer(setup(mesh, recorder), start()), ConfigError);
}

TEST_F(TrainerTest, AnUnknownMetricToStopByIsRefusedByName) {
  options_.eval_every = 5;
  options_.early_stop.metric = "rouge";
  const comm::Mesh mesh = alone();
  RunRecorder recorder;
  try {
    Trainer trainer(setup(mesh, recorder), start());
    FAIL() << "nothing thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'rouge'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("accuracy"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace incipit::trainer
