#include "trainer/train_step.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/phase.h"
#include "methods/lora/lora.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "model/pass_graphs.h"
#include "nn/flops.h"
#include "nn/ledger.h"
#include "tests/support/fake_graphs.h"
#include "tests/support/host_path.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"
#include "trainer/batch_stream.h"

namespace incipit::trainer {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// An objective whose loss is finite and whose gradient is not.
class Broken final : public Objective {
 public:
  explicit Broken(std::unique_ptr<Objective> whole) : whole_(std::move(whole)) {}
  [[nodiscard]] Value evaluate(const at::Tensor& log_likelihoods) const override {
    const Value value = whole_->evaluate(log_likelihoods);
    return {value.loss, at::full_like(value.gradient, kNan)};
  }
  [[nodiscard]] double count() const override { return whole_->count(); }

 private:
  std::unique_ptr<Objective> whole_;
};

// Two tasks with a prompt each, on one or several ranks.
class TrainStep : public ::testing::TestWithParam<OptimizerKind> {
 protected:
  TrainStep() { at::set_num_threads(1); }

  // A rank with its model and optimizer.
  struct Rank {
    Rank(const model::Backbone& backbone, OptimizerKind kind,
         testing_support::Prompts prompts = testing_support::soft_prompts(
             {testing_support::tiny_prompt(4), testing_support::tiny_prompt(4)}))
        : model(backbone, std::move(prompts)),
          optimizer(make_optimizer({.kind = kind, .weight_decay = 0.1, .momentum = 0.9},
                                   {model.prompt(0).parameters(), model.prompt(1).parameters()})) {}
    // Copies of all that a step may change.
    [[nodiscard]] std::vector<at::Tensor> everything(std::size_t prompt) const {
      std::vector<at::Tensor> all{model.prompt(prompt).parameters()[0].value.clone(),
                                  optimizer->steps()[static_cast<std::int64_t>(prompt)].clone()};
      for (const OptimizerState& state : optimizer->state()) {
        if (state.group == prompt) all.push_back(state.tensors[0].clone());
      }
      return all;
    }
    methods::PromptedModel model;
    std::unique_ptr<Optimizer> optimizer;
  };

  // Runs a step on examples of task 0, and on those of task 1 if `both`.
  StepNumbers step(Rank& rank, const comm::Mesh& mesh, bool both, bool broken,
                   bool separate = false) {
    std::vector<TrainSource> sources{{&task_, &dataset_, rank.model.rows(0)}};
    if (both) sources.push_back({&task_, &dataset_, rank.model.rows(1)});
    BatchStream stream(sources, {.batch_size = 8,
                                 .steps = 1,
                                 .shuffle = false,
                                 .rank = mesh.batch().rank(),
                                 .ranks = mesh.batch().size()});
    const TrainBatch batch = stream.next();
    StepBatch share{.forest = batch.packed.forest,
                    .examples = batch.examples,
                    .objective = make_objective(Loss::kTargetTokens, batch, at::kCPU)};
    if (broken) share.objective = std::make_unique<Broken>(std::move(share.objective));
    for (const int task : {0, 1}) {
      share.tasks.push_back(make_objective(Loss::kTargetTokens, batch, task, at::kCPU));
    }
    return StepNumbers(run_step(rank.model, *rank.optimizer, mesh, share,
                                {.micro_batches = {.max_rows = max_rows_},
                                 .learning_rate = learning_rate_,
                                 .max_grad_norm = max_grad_norm_,
                                 .separate = separate}));
  }

  static void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << i;
  }

  using MakePrompts = std::function<testing_support::Prompts()>;
  void expect_graphs_change_nothing(const MakePrompts& make);

  double learning_rate_ = 0.1;
  std::int64_t max_rows_ = 60;
  double max_grad_norm_ = 0;  // no clipping
  data::Task task_ = testing_support::tiny_task();
  data::Dataset dataset_ = testing_support::tiny_dataset(task_, 12, 3);
  model::Backbone backbone_ = testing_support::tiny_backbone();
};

TEST_P(TrainStep, AGradientThatIsNotFiniteChangesNeitherValuesNorStateNorStepCount) {
  const comm::Mesh mesh(comm::make_single(), {});
  Rank rank(backbone_, GetParam());
  for (int i = 0; i < 2; ++i) {  // at the first step, when the state is zero, and at a later one
    const auto before = std::pair(rank.everything(0), rank.everything(1));
    const StepNumbers broken = step(rank, mesh, /*both=*/true, /*broken=*/true);
    EXPECT_FALSE(broken.finite);
    EXPECT_TRUE(std::isfinite(broken.loss));
    EXPECT_FALSE(std::isfinite(broken.grad_norm));
    expect_same(rank.everything(0), before.first);
    expect_same(rank.everything(1), before.second);
    EXPECT_TRUE(step(rank, mesh, true, false).finite);
    EXPECT_EQ(rank.optimizer->steps()[0].item<std::int64_t>(), i + 1);
    EXPECT_FALSE(rank.everything(0)[0].equal(before.first[0]));
  }
}

TEST_P(TrainStep, OfSeparatePromptsOnlyThoseWithFiniteNumbersAreUpdated) {
  const comm::Mesh mesh(comm::make_single(), {});
  Rank rank(backbone_, GetParam());
  at::Tensor wild = rank.model.prompt(1).parameters()[0].value;
  wild.fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor before = rank.everything(0)[0];
  const StepNumbers numbers = step(rank, mesh, /*both=*/true, /*broken=*/false, /*separate=*/true);
  EXPECT_TRUE(numbers.finite);
  EXPECT_TRUE(std::isfinite(numbers.loss));
  EXPECT_TRUE(std::isfinite(numbers.grad_norm));
  EXPECT_FALSE(std::isfinite(numbers.tasks[1].sum));
  EXPECT_FALSE(rank.everything(0)[0].equal(before));
  EXPECT_EQ(rank.optimizer->steps()[0].item<std::int64_t>(), 1);
  EXPECT_EQ(rank.optimizer->steps()[1].item<std::int64_t>(), 0);
}

// So a broken step leaves no trace.
TEST_P(TrainStep, AfterABrokenStepTrainingContinuesAsWithoutIt) {
  const comm::Mesh mesh(comm::make_single(), {});
  Rank whole(backbone_, GetParam());
  Rank interrupted(backbone_, GetParam());
  for (int i = 0; i < 3; ++i) {
    const StepNumbers a = step(whole, mesh, true, false);
    if (i == 1) (void)step(interrupted, mesh, true, true);
    const StepNumbers b = step(interrupted, mesh, true, false);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.grad_norm, b.grad_norm);
  }
  expect_same(whole.everything(0), interrupted.everything(0));
  expect_same(whole.everything(1), interrupted.everything(1));
}

TEST_P(TrainStep, OneRankWithABrokenGradientStopsTheUpdateOfAll) {
  comm::run_on_threads(2, [&](comm::Communicator& world) {
    at::set_num_threads(1);
    // Tensor parallel ranks do not sum the gradients of a soft prompt, so the other one is finite.
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.tensor = 2});
    const auto part = model::Backbone::random(backbone_.spec(), 3, {}, model::Placement(mesh));
    Rank rank(part, GetParam());
    const auto before = rank.everything(0);
    EXPECT_FALSE(step(rank, mesh, true, /*broken=*/world.rank() == 1).finite);
    expect_same(rank.everything(0), before);
  });
}

TEST_P(TrainStep, APromptWithoutExamplesStaysAsItWas) {
  const comm::Mesh mesh(comm::make_single(), {});
  Rank rank(backbone_, GetParam());
  (void)step(rank, mesh, true, false);
  const auto before = std::pair(rank.everything(0), rank.everything(1));
  const StepNumbers numbers = step(rank, mesh, /*both=*/false, false);
  EXPECT_TRUE(numbers.finite);
  EXPECT_EQ(numbers.examples, 8);
  EXPECT_EQ(numbers.tasks[0].sum / numbers.tasks[0].count, numbers.loss);
  EXPECT_EQ(numbers.tasks[1].count, 0);
  EXPECT_FALSE(rank.everything(0)[0].equal(before.first[0]));
  expect_same(rank.everything(1), before.second);
  EXPECT_EQ(rank.optimizer->steps()[0].item<std::int64_t>(), 2);
}

// As `plan` runs it for a model without a prompt.
TEST_P(TrainStep, WithoutPromptsHasALoss) {
  const comm::Mesh mesh(comm::make_single(), {});
  BatchStream stream({{&task_, &dataset_}}, {.batch_size = 8, .steps = 1, .shuffle = false});
  const TrainBatch batch = stream.next();
  const auto run = [&] {
    methods::PromptedModel model(backbone_);
    const auto optimizer = make_optimizer({.kind = GetParam()}, {});
    return StepNumbers(run_step(model, *optimizer, mesh,
                                {.forest = batch.packed.forest,
                                 .objective = make_objective(Loss::kTargetTokens, batch, at::kCPU)},
                                {.micro_batches = {.max_rows = max_rows_}, .max_grad_norm = 1}));
  };
  const StepNumbers numbers = run();
  EXPECT_GT(numbers.loss, 0);
  EXPECT_EQ(numbers.grad_norm, 0);
  EXPECT_TRUE(numbers.finite);
  const testing::HostPath path;
  EXPECT_NEAR(run().loss, numbers.loss, 1e-4 * numbers.loss);
}

TEST_P(TrainStep, LaterStepsKeepNoMoreMemory) {
  nn::start_ledger();
  const comm::Mesh mesh(comm::make_single(), {});
  Rank rank(backbone_, GetParam());
  (void)step(rank, mesh, true, false);
  const double before = nn::ledger_snapshot().total.bytes;
  EXPECT_GT(before, 0);
  for (int i = 0; i < 3; ++i) {
    (void)step(rank, mesh, true, false);
    EXPECT_EQ(nn::ledger_snapshot().total.bytes, before);
  }
}

TEST_P(TrainStep, KernelsClipAsTheCpuDoes) {
  const comm::Mesh mesh(comm::make_single(), {});
  max_grad_norm_ = 0.01;
  Rank plain(backbone_, GetParam());
  const StepNumbers expected = step(plain, mesh, true, false);
  EXPECT_GT(expected.grad_norm, max_grad_norm_);
  const testing::HostPath path;
  Rank rank(backbone_, GetParam());
  const StepNumbers numbers = step(rank, mesh, true, false);
  EXPECT_NEAR(numbers.grad_norm, expected.grad_norm, 1e-4 * expected.grad_norm);
  for (std::size_t prompt : {0, 1}) {
    const at::Tensor a = rank.model.prompt(prompt).parameters()[0].grad;
    const at::Tensor b = plain.model.prompt(prompt).parameters()[0].grad;
    EXPECT_LT((a - b).norm().item<double>(), 1e-3 * b.norm().item<double>());
  }
  const double norm = std::hypot(rank.model.prompt(0).parameters()[0].grad.norm().item<double>(),
                                 rank.model.prompt(1).parameters()[0].grad.norm().item<double>());
  EXPECT_NEAR(norm, max_grad_norm_, 1e-4 * max_grad_norm_);
}

// On the path of a GPU, run on the host.
void TrainStep::expect_graphs_change_nothing(const MakePrompts& make) {
  const testing::HostPath path;
  const comm::Mesh mesh(comm::make_single(), {});
  max_rows_ = 1000;  // one pass for a batch
  Rank plain(backbone_, GetParam(), make());
  std::vector<StepNumbers> expected;
  for (int i = 0; i < 5; ++i) expected.push_back(step(plain, mesh, /*both=*/i % 2 == 0, false));
  testing::GraphCalls calls;
  const auto graphs =
      std::make_shared<model::PassGraphs>(std::make_unique<testing::FakeGraphs>(calls));
  backbone_.set_graphs(graphs);
  Rank rank(backbone_, GetParam(), make());
  for (int i = 0; i < 5; ++i) {
    const StepNumbers numbers = step(rank, mesh, /*both=*/i % 2 == 0, false);
    EXPECT_NEAR(numbers.loss, expected[i].loss, 1e-4 * std::abs(expected[i].loss));
    EXPECT_NEAR(numbers.grad_norm, expected[i].grad_norm, 1e-3 * expected[i].grad_norm);
    EXPECT_EQ(numbers.tokens, expected[i].tokens);
  }
  EXPECT_EQ(graphs->counts().captured, 2);
  EXPECT_EQ(graphs->counts().replayed, 1);
  EXPECT_EQ(graphs->counts().refused, 0);
}

TEST_P(TrainStep, GraphsTrainAsPassesWithoutThem) {
  expect_graphs_change_nothing([] {
    return testing_support::soft_prompts(
        {testing_support::tiny_prompt(4), testing_support::tiny_prompt(4)});
  });
}

// Which keep the memory that graphs read, and to which graphs add gradients.
TEST_P(TrainStep, GraphsTrainPrefixesAndLora) {
  learning_rate_ = 0.01;
  expect_graphs_change_nothing([&] { return testing_support::prefix_and_lora(backbone_.spec()); });
}

TEST_P(TrainStep, PhasesHaveTheFlopsOfTheStepAndLieWithinEachOther) {
  const comm::Mesh mesh(comm::make_single(), {});
  Rank rank(backbone_, GetParam());
  PhaseRecorder recorder(nn::counted_flops);
  const double before = nn::counted_flops();
  {
    const Phase whole(kStepPhase);
    (void)step(rank, mesh, true, false);
  }
  std::map<std::string, double> flops;
  std::vector<PhaseSpan> around;
  for (const PhaseSpan& phase : recorder.take_oldest()) {
    around.resize(static_cast<std::size_t>(phase.depth));
    if (!around.empty()) {
      EXPECT_GE(phase.host_begin, around.back().host_begin) << phase.name;
      EXPECT_LE(phase.host_end, around.back().host_end) << phase.name;
    }
    around.push_back(phase);
    flops[phase.name] += phase.flops;
  }
  EXPECT_GT(flops.at("step"), 0);
  EXPECT_EQ(flops.at("step"), nn::counted_flops() - before);
  EXPECT_EQ(flops.at("forward") + flops.at("backward"), flops.at("step"));
  double parts = 0;
  for (const char* name : {"qkv", "attention", "attention output", "mlp", "scores"}) {
    EXPECT_GT(flops.at(name), 0) << name;
    parts += flops.at(name);
  }
  EXPECT_EQ(parts, flops.at("step"));
  for (const char* name : {"embedding", "loss", "sum gradients", "optimizer"}) {
    EXPECT_EQ(flops.at(name), 0) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, TrainStep,
                         ::testing::Values(OptimizerKind::kAdamW, OptimizerKind::kAdafactor,
                                           OptimizerKind::kSgd),
                         [](const auto& info) {
                           return std::string(info.param == OptimizerKind::kAdamW ? "AdamW"
                                              : info.param == OptimizerKind::kAdafactor
                                                  ? "Adafactor"
                                                  : "Sgd");
                         });

}  // namespace
}  // namespace incipit::trainer
