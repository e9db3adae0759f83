// Several tasks in one run and one batch.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/accumulate.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "core/files.h"
#include "core/stop_request.h"
#include "methods/multitask/multitask.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "tests/support/prompts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_task.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

namespace fs = std::filesystem;
using testing_support::soft_prompt;
using testing_support::soft_prompts;
using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_generation_task;
using testing_support::tiny_prompt;
using testing_support::tiny_task;
using testing_support::with_prompt;

constexpr int kFirstRows = 5;
constexpr int kSecondRows = 3;
constexpr std::int64_t kEach = 4;  // examples of each task

struct Passes {
  double loss = 0;  // summed
  double count = 0;
  std::vector<at::Tensor> gradients;
  at::Tensor log_likelihoods;
};

class MixedBatch : public ::testing::TestWithParam<Loss> {
 protected:
  MixedBatch()
      : second_task_(GetParam() == Loss::kCandidates ? tiny_task() : tiny_generation_task()),
        first_(tiny_dataset(first_task_, 6, 3)),
        second_(tiny_dataset(second_task_, 5, 8)) {}

  [[nodiscard]] static TrainBatch batch_of(std::vector<TrainSource> sources) {
    const auto size = kEach * static_cast<std::int64_t>(sources.size());
    return BatchStream(std::move(sources),
                       {.batch_size = size, .steps = 1, .loss = GetParam(), .shuffle = false})
        .next();
  }
  [[nodiscard]] Passes run(const TrainBatch& batch, const std::vector<at::Tensor>& prompts,
                           std::int64_t max_rows) const {
    return run(batch, soft_prompts(prompts), max_rows);
  }
  [[nodiscard]] Passes run(const TrainBatch& batch, const testing_support::Prompts& prompts,
                           std::int64_t max_rows) const {
    Passes outcome;
    const auto objective = make_objective(GetParam(), batch, at::kCPU);
    methods::PromptedModel model(backbone_, prompts);
    model.start_gradients();
    StepSums sums =
        forward_backward(model, batch.packed.forest, *objective, {.max_rows = max_rows});
    model.collect_gradients();
    model.finish_gradients(1);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      outcome.gradients.push_back(model.prompt(i).parameters()[0].grad);
    }
    outcome.loss = sums.loss.item<double>();
    outcome.count = sums.count;
    outcome.log_likelihoods = sums.log_likelihoods;
    return outcome;
  }

  data::Task first_task_ = tiny_task();
  data::Task second_task_;
  data::Dataset first_;
  data::Dataset second_;
  model::Backbone backbone_ = tiny_backbone(at::kDouble);
  at::Tensor first_prompt_ = tiny_prompt(kFirstRows, at::kDouble);
  at::Tensor second_prompt_ = tiny_prompt(kSecondRows, at::kDouble).neg();
};

TEST_P(MixedBatch, OfTwoPromptsGivesTheLossAndGradientsOfTwoBatches) {
  const TrainSource first{&first_task_, &first_, {.prompt = 0, .rows = kFirstRows}};
  const TrainSource second{&second_task_, &second_, {.prompt = 1, .rows = kSecondRows}};
  TrainSource second_alone = second;
  second_alone.prompt.prompt = 0;
  const TrainBatch both = batch_of({first, second});
  EXPECT_EQ(both.tasks, (std::vector<int>{0, 1, 0, 1, 0, 1, 0, 1}));
  const Passes a = run(batch_of({first}), {first_prompt_}, 1 << 20);
  const Passes b = run(batch_of({second_alone}), {second_prompt_}, 1 << 20);
  for (const std::int64_t max_rows : {1 << 20, 60}) {  // whole, in micro-batches
    const Passes mixed = run(both, {first_prompt_, second_prompt_}, max_rows);
    EXPECT_NEAR(mixed.loss, a.loss + b.loss, 1e-9);
    EXPECT_EQ(mixed.count, a.count + b.count);
    EXPECT_TRUE(mixed.gradients[0].allclose(a.gradients[0], 1e-9, 1e-9));
    EXPECT_TRUE(mixed.gradients[1].allclose(b.gradients[0], 1e-9, 1e-9));
    for (int task = 0; task < 2; ++task) {
      const auto part = make_objective(GetParam(), both, task, at::kCPU);
      EXPECT_NEAR(part->evaluate(mixed.log_likelihoods).loss.item<double>(),
                  task == 0 ? a.loss : b.loss, 1e-9);
      EXPECT_EQ(part->count(), task == 0 ? a.count : b.count);
    }
  }
}

TEST_P(MixedBatch, OfOnePromptAddsUpTheGradientsOfTwoBatches) {
  const TrainSource first{&first_task_, &first_, {.prompt = 0, .rows = kFirstRows}};
  const TrainSource second{&second_task_, &second_, {.prompt = 0, .rows = kFirstRows}};
  const Passes a = run(batch_of({first}), {first_prompt_}, 1 << 20);
  const Passes b = run(batch_of({second}), {first_prompt_}, 1 << 20);
  const TrainBatch both = batch_of({first, second});
  EXPECT_EQ(both.packed.forest.prompt_spans.size(), 1u);  // one root, computed once
  const Passes mixed = run(both, {first_prompt_}, 1 << 20);
  EXPECT_NEAR(mixed.loss, a.loss + b.loss, 1e-9);
  EXPECT_TRUE(mixed.gradients[0].allclose(a.gradients[0].add(b.gradients[0]), 1e-9, 1e-9));
}

// Numbers between -1 and 1.
at::Tensor wave(at::IntArrayRef shape) {
  return at::arange(c10::multiply_integers(shape), at::kDouble).mul_(0.7).sin_().view(shape);
}

// A prompt in which both tasks have rows of their own is two prompts, whose gradients the chain
// rule takes to the factors.
TEST_P(MixedBatch, OfAPromptOfTasksGivesTheGradientsOfTwoPrompts) {
  const std::int64_t width = first_prompt_.size(1);
  const auto prompt = std::make_shared<multitask::MultitaskPrompt>(
      "both", std::vector<std::string>{"first", "second"},
      multitask::Factors{first_prompt_, wave({2, kFirstRows, 2}), wave({2, 2, width})});
  const std::vector<at::Tensor> factors = methods::current_parameters(*prompt);
  const std::vector<at::Tensor> rows = prompt->values(factors).split(kFirstRows);
  const TrainSource first{&first_task_, &first_, {.prompt = 0, .rows = kFirstRows}};
  TrainSource second{&second_task_, &second_, {.prompt = 1, .rows = kFirstRows}};
  const Passes apart = run(batch_of({first, second}), rows, 1 << 20);
  second.prompt = prompt->rows_of_task(0, 1);
  EXPECT_EQ(second.prompt.first, kFirstRows);
  for (const std::int64_t max_rows : {1 << 20, 60}) {  // whole, in micro-batches
    const Passes mixed = run(batch_of({first, second}), testing_support::Prompts{prompt}, max_rows);
    EXPECT_NEAR(mixed.loss, apart.loss, 1e-9);
    at::Tensor shared = at::zeros_like(factors[0]);
    for (std::int64_t task = 0; task < 2; ++task) {
      const at::Tensor& grad = apart.gradients[task];
      const at::Tensor cols = factors[1].select(0, task);
      const at::Tensor others = factors[2].select(0, task);
      shared += grad * cols.matmul(others);
      const at::Tensor product = grad * factors[0];
      EXPECT_TRUE(prompt->parameters()[1].grad.select(0, task).allclose(product.matmul(others.t()),
                                                                        1e-9, 1e-9));
      EXPECT_TRUE(prompt->parameters()[2].grad.select(0, task).allclose(cols.t().matmul(product),
                                                                        1e-9, 1e-9));
    }
    EXPECT_TRUE(prompt->parameters()[0].grad.allclose(shared, 1e-9, 1e-9));
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, MixedBatch,
                         ::testing::Values(Loss::kTargetTokens, Loss::kCandidates));

class Recorder : public TrainObserver {
 public:
  void on_step(const telemetry::StepRecord& record) override {
    records.push_back(record);
    if (record.step == stop_at) request_stop(SIGUSR1);
    if (then) then(record.step);
  }
  void on_scores(std::int64_t step, const ScoredSplit& which,
                 std::span<const std::pair<std::string, double>> scores) override {
    if (which.split == "validation") validation[which.task][step] = scores[0].second;
    scored.push_back(std::to_string(which.task) + " " + which.split + " " + std::to_string(step));
  }

  std::int64_t stop_at = -1;
  std::function<void(std::int64_t)> then;
  std::vector<telemetry::StepRecord> records;
  std::map<std::size_t, std::map<std::int64_t, double>> validation;
  std::vector<std::string> scored;
};

class MixtureRun : public ::testing::Test {
 protected:
  MixtureRun() {
    at::set_num_threads(1);
    first_.train = tiny_dataset(task_, 24, 3);
    first_.validation = tiny_dataset(task_, 9, 4);
    first_.test = tiny_dataset(task_, 7, 5);
    second_.train = tiny_dataset(task_, 8, 13);
    second_.validation = tiny_dataset(task_, 5, 14);
    second_.test = tiny_dataset(task_, 6, 15);
    options_.steps = 12;
    options_.batch_size = 8;
    options_.loss = Loss::kCandidates;
    options_.eval_every = 3;
    options_.checkpoint_every = 4;
    options_.optimizer.lr = 0.05;
  }

  [[nodiscard]] TrainSetup setup(const comm::Mesh& mesh, TrainObserver& observer,
                                 const std::string& dir) const {
    return {.backbone = backbone_,
            .tasks = {testing_support::loaded("first", task_, first_),
                      testing_support::loaded("second", task_, second_)},
            .mesh = mesh,
            .observer = observer,
            .train = options_,
            .eval = {.batch_tokens = 100},
            .mixture = mixture_,
            .seed = 1,
            .run_dir = folder_ / dir,
            .backbone_info = {.name = "tiny", .weights_fingerprint = "", .hidden_size = 32}};
  }
  [[nodiscard]] static testing_support::Prompts starts() {
    return {soft_prompt("first", tiny_prompt(kFirstRows)),
            soft_prompt("second", tiny_prompt(kSecondRows).neg())};
  }
  [[nodiscard]] static comm::Mesh alone() { return {comm::make_single(), {}}; }
  [[nodiscard]] fs::path adapter(const std::string& dir, const std::string& name) const {
    return folder_ / dir / "adapter" / name;
  }
  [[nodiscard]] std::string text(const std::string& dir, const std::string& file) const {
    return read_text(folder_ / dir / file);
  }

  incipit::testing::TemporaryFolder folder_;
  data::Task task_ = tiny_task();
  model::Backbone backbone_ = tiny_backbone();
  data::Splits first_;
  data::Splits second_;
  TrainOptions options_;
  data::MixtureOptions mixture_{.sampling = data::Sampling::kEven};
};

// The loss of a batch of eight, four of each task, is the mean of two means: with a rate twice as
// high each prompt goes the way of a run of its own.
TEST_F(MixtureRun, EachPromptLearnsAsInARunOfItsOwn) {
  options_.eval_every = options_.checkpoint_every = 0;
  options_.optimizer = {.kind = OptimizerKind::kSgd, .lr = 0.4};
  const comm::Mesh mesh = alone();
  Recorder recorder;
  Trainer mixed(setup(mesh, recorder, "mixed"), starts());
  (void)mixed.run();
  for (std::size_t i = 0; i < 2; ++i) {
    Recorder own;
    TrainSetup single = setup(mesh, own, "single");
    single.tasks = std::vector<data::LoadedTask>{single.tasks[i]};
    single.train.batch_size = 4;
    single.train.optimizer.lr = 0.2;
    Trainer trainer(single, {starts()[i]});
    (void)trainer.run();
    EXPECT_TRUE(testing_support::values_of(mixed.trained(i))
                    .allclose(testing_support::values_of(trainer.trained()), 1e-4, 1e-5));
    for (std::size_t step = 0; step < own.records.size(); ++step) {
      EXPECT_NEAR(recorder.records[step].losses[i].second, own.records[step].loss, 1e-4);
    }
  }
}

// By turns a batch of each: neither momentum nor weight decay moves the prompt that is not in it.
TEST_F(MixtureRun, APromptWithoutAnExampleInTheBatchTakesNoStep) {
  options_.eval_every = options_.checkpoint_every = 0;
  options_.batch_size = 1;
  options_.optimizer.weight_decay = 0.1;
  const comm::Mesh mesh = alone();
  for (const auto kind : {OptimizerKind::kAdamW, OptimizerKind::kAdafactor, OptimizerKind::kSgd}) {
    options_.optimizer.kind = kind;
    options_.optimizer.momentum = kind == OptimizerKind::kSgd ? 0.9 : 0;
    Recorder recorder;
    Trainer mixed(setup(mesh, recorder, "mixed"), starts());
    std::array<at::Tensor, 2> before{starts()[0]->parameters()[0].value,
                                     starts()[1]->parameters()[0].value};
    recorder.then = [&](std::int64_t step) {
      const std::size_t in_it = recorder.records.back().losses[0].first == "first" ? 0 : 1;
      ASSERT_EQ(recorder.records.back().losses.size(), 1u);
      EXPECT_FALSE(testing_support::values_of(mixed.trained(in_it)).equal(before[in_it]))
          << "step " << step;
      EXPECT_TRUE(testing_support::values_of(mixed.trained(1 - in_it)).equal(before[1 - in_it]))
          << "step " << step;
      before = {testing_support::values_of(mixed.trained(0)).clone(),
                testing_support::values_of(mixed.trained(1)).clone()};
    };
    (void)mixed.run();
    for (std::size_t i = 0; i < 2; ++i) {
      Recorder own;
      TrainSetup single = setup(mesh, own, "single");
      single.tasks = std::vector<data::LoadedTask>{single.tasks[i]};
      single.train.steps = options_.steps / 2;
      Trainer trainer(single, {starts()[i]});
      (void)trainer.run();
      EXPECT_TRUE(testing_support::values_of(mixed.trained(i))
                      .allclose(testing_support::values_of(trainer.trained()), 1e-4, 1e-5));
    }
  }
}

TEST_F(MixtureRun, RanksShareAMixedBatch) {
  mixture_.sampling = data::Sampling::kSize;  // six of the first, two of the second
  options_.checkpoint_every = 0;
  options_.optimizer.lr = 0.01;
  std::map<int, std::vector<telemetry::StepRecord>> records;
  for (const int ranks : {1, 2, 4}) {
    std::mutex mutex;
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.data = ranks});
      Recorder recorder;
      (void)Trainer(setup(mesh, recorder, std::to_string(ranks)), starts()).run();
      const std::scoped_lock lock(mutex);
      if (world.rank() == 0) records[ranks] = recorder.records;
    });
    ASSERT_EQ(records[ranks].size(), 12u);
    for (std::size_t step = 0; step < 12; ++step) {
      const auto& one = records[1][step];
      const auto& several = records[ranks][step];
      EXPECT_NEAR(several.loss, one.loss, 1e-4) << ranks << " ranks, step " << step + 1;
      ASSERT_EQ(several.losses.size(), 2u);
      EXPECT_NEAR(several.losses[0].second, one.losses[0].second, 1e-4);
      EXPECT_NEAR(several.losses[1].second, one.losses[1].second, 1e-4);
      EXPECT_NEAR((6 * several.losses[0].second + 2 * several.losses[1].second) / 8, several.loss,
                  1e-6);
    }
  }
}

TEST_F(MixtureRun, EachPromptIsKeptWhereItsOwnTaskWasAtItsBest) {
  const comm::Mesh mesh = alone();
  Recorder recorder;
  Trainer trainer(setup(mesh, recorder, "run"), starts());
  std::map<std::int64_t, std::array<at::Tensor, 2>> prompts;
  recorder.then = [&](std::int64_t step) {
    prompts[step] = {testing_support::values_of(trainer.trained(0)).clone(),
                     testing_support::values_of(trainer.trained(1)).clone()};
  };
  const TrainResult result = trainer.run();
  ASSERT_EQ(result.tasks.size(), 2u);
  const std::array<const char*, 2> names{"first", "second"};
  const auto scores = nlohmann::json::parse(text("run", "scores.json"));
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(recorder.validation[i].size(), 4u);
    std::int64_t best_step = 0;
    for (const auto& [step, score] : recorder.validation[i]) {
      if (best_step == 0 || score > recorder.validation[i][best_step]) best_step = step;
    }
    const TaskResult& own = result.tasks[i];
    EXPECT_EQ(own.best_step, best_step);
    EXPECT_EQ(*own.best_score, recorder.validation[i][best_step]);
    const auto best = prompt_tuning::load_peft_adapter(adapter("run", "best") / names[i]);
    const auto last = prompt_tuning::load_peft_adapter(adapter("run", "last") / names[i]);
    EXPECT_TRUE(best.prompt.values.equal(prompts.at(best_step)[i]));
    EXPECT_TRUE(last.prompt.values.equal(prompts.at(12)[i]));
    const auto& split = i == 0 ? first_.test : second_.test;
    const auto again =
        eval::evaluate(with_prompt(backbone_, best.prompt.values), task_, split, {}, mesh.batch());
    EXPECT_EQ(own.test, again.metrics);
    EXPECT_EQ(scores[names[i]]["test"]["accuracy"], again.metrics[0].second);
    EXPECT_FALSE(text("run", std::string("predictions/") + names[i] + "/test.jsonl").empty());
  }
}

TEST_F(MixtureRun, OnePromptForAllIsKeptAtTheBestMean) {
  mixture_.prompts = data::MixturePrompts::kShared;
  const comm::Mesh mesh = alone();
  Recorder recorder;
  const TrainResult result =
      Trainer(setup(mesh, recorder, "run"), {soft_prompt("all", tiny_prompt(kFirstRows))}).run();
  std::int64_t best_step = 0;
  double best = 0;
  for (const auto& [step, score] : recorder.validation[0]) {
    const double mean = (score + recorder.validation[1][step]) / 2;
    if (best_step != 0 && mean <= best) continue;
    best_step = step;
    best = mean;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(result.tasks[i].best_step, best_step);
    EXPECT_EQ(*result.tasks[i].best_score, recorder.validation[i][best_step]);
  }
  EXPECT_TRUE(fs::exists(adapter("run", "best") / "adapter_config.json"));
}

TEST_F(MixtureRun, TasksWithRowsOfTheirOwnLeaveAPromptEach) {
  mixture_.prompts = data::MixturePrompts::kShared;
  const comm::Mesh mesh = alone();
  Recorder recorder;
  const at::Tensor shared = tiny_prompt(kFirstRows);
  const multitask::Factors start{shared, wave({2, kFirstRows, 1}).to(at::kFloat),
                                 wave({2, 1, shared.size(1)}).to(at::kFloat)};
  const std::vector<std::string> names{"first", "second"};
  Trainer trainer(setup(mesh, recorder, "run"),
                  {std::make_shared<multitask::MultitaskPrompt>("all", names, start)});
  const TrainResult result = trainer.run();
  const multitask::LoadedFactors whole =
      multitask::load_multitask_adapter(folder_ / "run" / "adapter" / "best");
  EXPECT_EQ(whole.origin.tasks, names);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto own = prompt_tuning::load_peft_adapter(adapter("run", "best") / names[i]);
    const auto task = static_cast<std::int64_t>(i);
    EXPECT_TRUE(own.prompt.values.allclose(
        whole.factors.shared *
        whole.factors.cols.select(0, task).matmul(whole.factors.rows.select(0, task))));
    const auto again = eval::evaluate(with_prompt(backbone_, own.prompt.values), task_,
                                      (i == 0 ? first_ : second_).test, {}, mesh.batch());
    EXPECT_EQ(result.tasks[i].test, again.metrics);
  }
}

TEST_F(MixtureRun, AStoppedRunThatGoesOnWritesTheSameBytes) {
  const comm::Mesh mesh = alone();
  Recorder whole;
  (void)Trainer(setup(mesh, whole, "whole"), starts()).run();
  {
    const StopSignals signals(OnSignal::kStop, /*announce=*/false);
    Recorder until;
    until.stop_at = 7;
    const TrainResult stopped = Trainer(setup(mesh, until, "parts"), starts()).run();
    ASSERT_TRUE(stopped.stopped);
    EXPECT_EQ(stopped.steps, 8);  // ranks agree on a stop within the next step
  }
  const auto checkpoint = newest_checkpoint(folder_ / "parts");
  ASSERT_TRUE(checkpoint);
  for (const char* name : {"prompt.first", "prompt.second", "best_prompt.first",
                           "best_prompt.second", "optimizer.exp_avg.first"}) {
    EXPECT_TRUE(checkpoint->state.tensors.contains(name)) << name;
  }
  Recorder rest;
  Trainer resumed(setup(mesh, rest, "parts"), starts());
  resumed.restore(checkpoint->state);
  (void)resumed.run();
  for (const char* file :
       {"adapter/best/first/adapter_model.safetensors", "scores.json",
        "adapter/best/second/adapter_model.safetensors", "predictions/first/test.jsonl",
        "adapter/last/first/adapter_model.safetensors", "checkpoints/step-12/state.safetensors",
        "adapter/last/second/adapter_model.safetensors", "checkpoints/step-12/state.json"}) {
    EXPECT_EQ(text("parts", file), text("whole", file)) << file;
  }
}

TEST_F(MixtureRun, ATaskWithoutAValidationSplitIsNamed) {
  second_.validation = {};
  const comm::Mesh mesh = alone();
  Recorder recorder;
  try {
    Trainer trainer(setup(mesh, recorder, "run"), starts());
    FAIL() << "nothing thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("tasks.second.validation"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace incipit::trainer
