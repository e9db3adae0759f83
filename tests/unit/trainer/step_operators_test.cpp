// Which operators of libtorch a training step calls on the path of a GPU, run on the host.
#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>
#include <string>

#include "comm/single.h"
#include "model/pass_graphs.h"
#include "tests/support/deep_prompts.h"
#include "tests/support/fake_graphs.h"
#include "tests/support/host_path.h"
#include "tests/support/operators.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"
#include "trainer/batch_stream.h"
#include "trainer/train_step.h"

namespace incipit::trainer {
namespace {

struct StepCase {
  std::string name;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  Loss loss = Loss::kTargetTokens;
  std::int64_t max_rows = 1000;  // one pass for the batch
  bool separate = false;
  bool graphs = false;
  bool deep = false;  // a prefix and LoRA in place of soft prompts, in float32
};
void PrintTo(const StepCase& c, std::ostream* to) { *to << c.name; }

// Two tasks with a prompt each.
class StepOperators : public ::testing::TestWithParam<StepCase> {
 protected:
  StepOperators() { at::set_num_threads(1); }

  [[nodiscard]] std::unique_ptr<Optimizer> make_optimizer_of(
      const methods::PromptedModel& model) const {
    return make_optimizer({.kind = GetParam().optimizer, .weight_decay = 0.1, .momentum = 0.9},
                          {model.prompt(0).parameters(), model.prompt(1).parameters()});
  }

  [[nodiscard]] StepBatch share_of(const TrainBatch& batch) const {
    StepBatch share{.forest = batch.packed.forest,
                    .examples = batch.examples,
                    .objective = make_objective(GetParam().loss, batch, at::kCPU)};
    for (const int task : {0, 1}) {
      share.tasks.push_back(make_objective(GetParam().loss, batch, task, at::kCPU));
    }
    return share;
  }

  const data::Task task_ = testing_support::tiny_task();
  const data::Dataset dataset_ = testing_support::tiny_dataset(task_, 12, 3);
  model::Backbone backbone_ =
      testing_support::tiny_backbone(GetParam().deep ? at::kFloat : at::kBFloat16);
};

// Flash attention is written out on the host, and calls no operator there. The operator `to` calls
// others where it changes anything.
bool is_allowed(const std::string& name) {
  return testing::is_matmul(name) || name == "aten::to" || name == "aten::copy_";
}

// In float32, the matmuls of the CPU copy operands. LoRA joins its parameters.
bool is_copy_of_deep(const std::string& name) {
  static const std::set<std::string> copies{"aten::clone", "aten::contiguous", "aten::cat",
                                            "aten::copy_ of other numbers"};
  return copies.contains(name);
}

TEST(Operators, ElementWiseOnesAndConversionsAreFound) {
  const at::Tensor x = at::ones({2, 3});
  const auto allows = [](const std::multiset<std::string>& operators) {
    return std::all_of(operators.begin(), operators.end(), is_allowed);
  };
  at::Tensor y = at::ones({2, 3});
  EXPECT_TRUE(allows(testing::operators_of([&] { y.copy_(x.to(at::kFloat)); })));
  EXPECT_FALSE(allows(testing::operators_of([&] { (void)at::add(x, y); })));
  EXPECT_FALSE(allows(testing::operators_of([&] { (void)x.to(at::kDouble); })));
  EXPECT_FALSE(allows(testing::operators_of([&] { y.select(1, 0).copy_(x.select(1, 1)); })));
}

TEST_P(StepOperators, AreMatmulsFlashAttentionAndCopies) {
  const StepCase& c = GetParam();
  const testing::HostPath path;
  const comm::Mesh mesh(comm::make_single(), {});
  methods::PromptedModel model(
      backbone_, c.deep ? testing_support::prefix_and_lora(backbone_.spec())
                        : testing_support::soft_prompts({testing_support::tiny_prompt(20),
                                                         testing_support::tiny_prompt(20)}));
  const auto optimizer = make_optimizer_of(model);
  testing::GraphCalls calls;
  if (c.graphs) {
    backbone_.set_graphs(
        std::make_shared<model::PassGraphs>(std::make_unique<testing::FakeGraphs>(calls)));
  }
  BatchStream stream({{&task_, &dataset_, model.rows(0)}, {&task_, &dataset_, model.rows(1)}},
                     {.batch_size = 8, .steps = 1, .loss = c.loss, .shuffle = false});
  const TrainBatch batch = stream.next();
  const auto step = [&] {
    (void)run_step(model, *optimizer, mesh, share_of(batch),
                   {.micro_batches = {.max_rows = c.max_rows},
                    .learning_rate = 0.1,
                    .max_grad_norm = 0.01,
                    .separate = c.separate});
  };
  if (c.graphs) step();  // of new sizes
  if (c.graphs) step();  // which this one captures
  const testing::FlashCalls before = testing::flash_calls();
  const auto operators = testing::operators_of(step);
  EXPECT_GT(testing::flash_calls().backward, before.backward) << "took the path of the CPU";
  EXPECT_EQ(calls.replays, c.graphs ? 4 : 0);
  for (auto each = operators.begin(); each != operators.end();
       each = operators.upper_bound(*each)) {
    EXPECT_TRUE(is_allowed(*each) || (c.deep && is_copy_of_deep(*each)))
        << operators.count(*each) << " calls of " << *each;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Steps, StepOperators,
    ::testing::Values(StepCase{.name = "one_pass"},
                      StepCase{.name = "candidates", .loss = Loss::kCandidates},
                      StepCase{.name = "micro_batches", .max_rows = 60},
                      StepCase{.name = "separate", .separate = true},
                      StepCase{.name = "graphs", .graphs = true},
                      StepCase{.name = "prefix_and_lora", .deep = true},
                      StepCase{.name = "adafactor", .optimizer = OptimizerKind::kAdafactor},
                      StepCase{.name = "sgd", .optimizer = OptimizerKind::kSgd}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace incipit::trainer
