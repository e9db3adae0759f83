// The engine on the path of a GPU, with its kernels and flash calls run on the host, against the
// engine of the CPU; what it calls, and how often it launches.
#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "families/registry.h"
#include "kernels/cpu/instruction_set.h"
#include "tests/support/host_kernels.h"
#include "tests/support/host_path.h"
#include "tests/support/operators.h"
#include "tests/unit/model/engine_run.h"

namespace incipit::model {
namespace {

using ::incipit::testing::flash_calls;
using ::incipit::testing::FlashCalls;
using ::incipit::testing::host_launches;
using ::incipit::testing::HostPath;
using ::incipit::testing::is_matmul;
using ::incipit::testing::operators_of;

TEST(EngineOnHostPath, EqualsTheEngineOfTheCpu) {
  for (const std::int64_t max_rows : {1000, 60}) {  // one pass; a trunk and branches
    const DeviceOutcome cpu = run_on(at::kFloat, at::kCPU, max_rows);
    const FlashCalls before = flash_calls();
    for (const bool has_flash : {true, false}) {
      const std::int64_t launches = host_launches();
      const HostPath path(has_flash);
      expect_outcome(run_on(at::kFloat, at::kCPU, max_rows), cpu, 2e-5);
      EXPECT_GT(host_launches(), launches) << "took the path of the CPU";
    }
    EXPECT_GT(flash_calls().backward, before.backward);
  }
}

// Norms of heads and of sums, biases, learned positions, windows and softcaps.
TEST(EngineOnHostPath, EqualsTheEngineOfTheCpuForEveryFamily) {
  for (const families::Family& family : families::all_families()) {
    for (const ModelSpec& spec : family.examples()) {
      SCOPED_TRACE(family.model_types.front());
      const std::vector<Sequence> batch = device_batch(40, 9);
      const DeviceOutcome cpu = run_model(spec, batch, at::kFloat, at::kCPU, 30);
      const std::int64_t launches = host_launches();
      const HostPath path;
      expect_outcome(run_model(spec, batch, at::kFloat, at::kCPU, 30), cpu, 1e-4);
      expect_outcome(run_model(spec, batch, at::kBFloat16, at::kCPU, 30), cpu, 0.15);
      EXPECT_GT(host_launches(), launches) << "took the path of the CPU";
    }
  }
}

TEST(EngineOnHostPath, SixteenBitsFollowFloat32) {
  const DeviceOutcome exact = run_on(at::kFloat, at::kCPU, 1000);
  const HostPath path;
  expect_outcome(run_on(at::kBFloat16, at::kCPU, 1000), exact, 0.15);
  expect_outcome(run_on(at::kHalf, at::kCPU, 1000), exact, 0.02);
}

TEST(EngineOnHostPath, HasNoRaces) {
  const HostPath path(/*has_flash=*/false);
  const DeviceOutcome forwards = run_on(at::kFloat, at::kCPU, 60);
  ::incipit::testing::run_backwards(true);
  const DeviceOutcome backwards = run_on(at::kFloat, at::kCPU, 60);
  ::incipit::testing::run_backwards(false);
  EXPECT_TRUE(forwards.gradient.equal(backwards.gradient));
  EXPECT_TRUE(forwards.log_likelihoods.equal(backwards.log_likelihoods));
}

// Operators and launches of a pass over a batch of `layers` layers.
struct Costs {
  std::multiset<std::string> forward, backward;
  std::int64_t forward_launches = 0, backward_launches = 0;
  FlashCalls flash;
};

// Returns additions of rank 2 to all maps of the layers.
nn::LowRankMaps additions_to(const Backbone& backbone) {
  nn::LowRankMaps maps;
  for (const nn::Parameter* weight : backbone.weights().parameters()) {
    const nn::Slice& slice = weight->spec().slices.front();
    if (weight->spec().is_vector() || slice.tensor.find("layers") == std::string::npos) continue;
    const at::Tensor down = at::ones({2, slice.shape[1]}), up = at::ones({weight->rows(), 2});
    maps[weight] = {.down = down,
                    .grad_down = at::zeros_like(down),
                    .parts = {{{0, weight->rows()}, {0, 2}, up, at::zeros_like(up)}}};
  }
  return maps;
}

struct BatchSize {
  int sequences = 3;
  int rows = 40;  // of each: enough in all for the usual matmuls of the CPU
};

// The batch has depth 2: a prompt of 20 rows and sequences after it. If they are `adapted`, they
// take turns with two sets of additions, and have two roots.
Costs costs_of(const ModelSpec& spec, at::ScalarType dtype, const BatchSize& size = {},
               bool adapted = false) {
  const Backbone backbone = Backbone::random(spec, 3, {.dtype = dtype, .device = at::kCPU});
  const std::vector<at::Tensor> prompts{at::ones({20, spec.hidden_size}, at::kFloat)};
  std::vector<at::Tensor> gradients{at::zeros({20, spec.hidden_size}, at::kFloat)};
  std::vector<Sequence> batch;
  for (int i = 0; i < size.sequences; ++i) {
    Sequence sequence;
    sequence.append_prompt({0, 20});
    sequence.append_tokens(std::vector<TokenId>(static_cast<std::size_t>(size.rows), 5 + i));
    sequence.predictions = {{19 + size.rows, 3, 1}};
    if (adapted) sequence.adapted_by = i % 2;
    batch.push_back(std::move(sequence));
  }
  const PackedForest packed = pack(batch);
  const nn::LowRankMaps maps[]{additions_to(backbone), additions_to(backbone)};
  const at::Tensor grad = at::ones({size.sequences}, at::kDouble);
  Costs costs;
  const HostPath path;
  const FlashCalls before = flash_calls();
  std::int64_t launches = host_launches();
  std::unique_ptr<ForestPass> pass;
  costs.forward = operators_of([&] {
    pass = std::make_unique<ForestPass>(
        backbone, packed.forest, prompts,
        ForestPassOptions{.for_backward = true, .adapters = {&maps[0], &maps[1]}});
  });
  costs.forward_launches = host_launches() - launches;
  launches = host_launches();
  costs.backward = operators_of([&] { pass->backward(grad, gradients); });
  costs.backward_launches = host_launches() - launches;
  costs.flash = {flash_calls().forward - before.forward, flash_calls().backward - before.backward};
  return costs;
}

void expect_only_matmuls(const Costs& costs) {
  EXPECT_GT(costs.backward_launches, 0) << "took the path of the CPU";
  for (const auto& operators : {costs.forward, costs.backward}) {
    for (const std::string& name : operators) {
      EXPECT_TRUE(is_matmul(name) || name == "aten::to") << name;  // which returns its argument
    }
  }
}

// With norms of heads and of sums, biases, learned positions and scaled embeddings.
TEST(PassCosts, PassesOfEveryFamilyCallOnlyMatmulsAndFlashAttention) {
  for (const families::Family& family : families::all_families()) {
    for (const ModelSpec& spec : family.examples()) {
      SCOPED_TRACE(family.model_types.front());
      if (!spec.has_encoder()) expect_only_matmuls(costs_of(spec, at::kFloat, {8, 15}));
    }
  }
}

TEST(PassCosts, PassesWithAdditionsToTheirMapsCallOnlyMatmulsAndFlashAttention) {
  expect_only_matmuls(costs_of(device_config().spec(), at::kFloat, {}, /*adapted=*/true));
}

// As in generation, with the keys and values of its rows stored.
TEST(PassCosts, PassesThatStoreTheirRowsCallOnlyMatmulsAndFlashAttention) {
  const Backbone backbone = Backbone::random(device_config().spec(), 3, {.dtype = at::kBFloat16});
  nn::KeyValueStore store;
  for (std::size_t layer = 0; layer < backbone.blocks().size(); ++layer) {
    const auto rows = [] { return at::empty({30, 32}, at::kBFloat16); };
    store.layers.push_back({rows(), rows(), {}, {}});
  }
  Sequence sequence;
  sequence.append_tokens(std::vector<TokenId>{4, 5, 6});
  sequence.predictions = {{2, 3, 1}};
  const PackedForest packed = pack(std::vector{sequence});
  const HostPath path;
  const std::int64_t launches = host_launches();
  const auto operators = operators_of([&] {
    const ForestPass pass(backbone, packed.forest, {},
                          {.stored = {.store = &store, .rows = {20, 4, 7}}});
  });
  EXPECT_GT(host_launches(), launches) << "took the path of the CPU";
  for (const std::string& name : operators) {
    EXPECT_TRUE(is_matmul(name) || name == "aten::to") << name;
  }
}

Costs costs_of_layers(int layers, at::ScalarType dtype) {
  llama::Config c = device_config();
  c.layers = layers;
  return costs_of(c.spec(), dtype);
}

// Two models that differ by one layer show what a layer costs.
class LayerCosts : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  const Costs less_ = costs_of_layers(3, GetParam());
  const Costs more_ = costs_of_layers(4, GetParam());
};

TEST_P(LayerCosts, ALayerCallsOnlyMatmulsAndFlashAttention) {
  const auto added = [](const std::multiset<std::string>& more,
                        const std::multiset<std::string>& less) {
    std::multiset<std::string> difference;
    std::set_difference(more.begin(), more.end(), less.begin(), less.end(),
                        std::inserter(difference, difference.end()));
    return difference;
  };
  int matmuls = 0;
  for (const auto& operators :
       {added(more_.forward, less_.forward), added(more_.backward, less_.backward)}) {
    for (const std::string& name : operators) {
      EXPECT_TRUE(is_matmul(name)) << name;
      matmuls += is_matmul(name) ? 1 : 0;
    }
  }
  // A processor without bfloat16 units multiplies them by a kernel of ours, which is no operator.
  const bool are_operators = GetParam() != at::kBFloat16 || kernels::cpu::has_bfloat16_units();
  EXPECT_EQ(matmuls, are_operators ? 8 : 0);  // qkv, output, up, down; forward and backward
}

// The launches of libtorch's flash calls, read from its sources, not counted on a GPU: forward one;
// backward the sums of grad * output, the gradients, the conversion of the queries' gradient and,
// for grouped queries, a sum for keys and one for values, besides clearing an accumulator.
constexpr int kFlashForwardLaunches = 1;
constexpr int kFlashBackwardLaunches = 6;

TEST_P(LayerCosts, ALayerOfDepthTwoLaunchesLittle) {
  constexpr int kMatmuls = 4;
  const FlashCalls flash{more_.flash.forward - less_.flash.forward,
                         more_.flash.backward - less_.flash.backward};
  EXPECT_EQ(flash.forward, 2);
  EXPECT_EQ(flash.backward, 2);
  const std::int64_t forward = more_.forward_launches - less_.forward_launches + kMatmuls +
                               flash.forward * kFlashForwardLaunches;
  const std::int64_t backward = more_.backward_launches - less_.backward_launches + kMatmuls +
                                flash.backward * kFlashBackwardLaunches;
  RecordProperty("forward", static_cast<int>(forward));
  RecordProperty("backward", static_cast<int>(backward));
  EXPECT_LE(forward, 15);
  EXPECT_LE(backward, 30);
  EXPECT_GE(forward, kMatmuls + 6);  // two norms, rotation, merge, activation, sum
}

INSTANTIATE_TEST_SUITE_P(Types, LayerCosts, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace incipit::model
