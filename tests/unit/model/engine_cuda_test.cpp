// The engine on a GPU against the engine on the processor. Skipped where there is no GPU.
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <dlfcn.h>

#include <memory>
#include <utility>

#include "families/registry.h"
#include "model/device_memory.h"
#include "model/pass_graphs.h"
#include "nn/device_graphs.h"
#include "tests/unit/model/engine_run.h"

namespace incipit::model {
namespace {

class EngineOnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr || !at::hasCUDA()) {
      GTEST_SKIP() << "no CUDA build of libtorch, or no GPU";
    }
    if (at::detail::getCUDAHooks().deviceCount() == 0) GTEST_SKIP() << "no GPU is visible";
  }
  at::Device gpu_{at::kCUDA, 0};
};

TEST_F(EngineOnCuda, Float32EqualsTheProcessor) {
  expect_outcome(run_on(at::kFloat, gpu_, 1000), run_on(at::kFloat, at::kCPU, 1000), 1e-3);
}

TEST_F(EngineOnCuda, EveryFamilyEqualsTheProcessor) {
  for (const families::Family& family : families::all_families()) {
    for (const ModelSpec& spec : family.examples()) {
      SCOPED_TRACE(family.model_types.front());
      const std::vector<Sequence> batch = device_batch(40, 9);
      const DeviceOutcome cpu = run_model(spec, batch, at::kFloat, at::kCPU, 30);
      expect_outcome(run_model(spec, batch, at::kFloat, gpu_, 30), cpu, 1e-3);
      expect_outcome(run_model(spec, batch, at::kBFloat16, gpu_, 30), cpu, 0.15);
    }
  }
}

TEST_F(EngineOnCuda, MicroBatchesGiveEqualGradients) {
  expect_outcome(run_on(at::kFloat, gpu_, 60), run_on(at::kFloat, gpu_, 1000), 1e-3);
}

TEST_F(EngineOnCuda, MemoryIsWhatTheAllocatorHandsOut) {
  constexpr std::int64_t kBytes = 64 << 20;
  static_cast<void>(at::empty({1}, at::TensorOptions(gpu_)));  // there is an allocator now
  const MemoryUse before = device_memory(gpu_);
  {
    const at::Tensor held = at::empty({kBytes}, at::TensorOptions(gpu_).dtype(at::kByte));
    EXPECT_GE(device_memory(gpu_).bytes, before.bytes + kBytes);
  }
  EXPECT_LT(device_memory(gpu_).bytes, before.bytes + kBytes);
  EXPECT_GE(device_memory(gpu_).peak_bytes, before.bytes + kBytes);
}

TEST_F(EngineOnCuda, ARepeatedPassTakesNoMemoryFromTheDriver) {
  (void)run_on(at::kBFloat16, gpu_, 60);
  const std::int64_t before = driver_allocations(gpu_);
  for (int i = 0; i < 3; ++i) (void)run_on(at::kBFloat16, gpu_, 60);
  EXPECT_EQ(driver_allocations(gpu_), before);
}

TEST_F(EngineOnCuda, BFloat16WithFlashAttentionFollowsFloat32) {
  expect_outcome(run_on(at::kBFloat16, gpu_, 1000), run_on(at::kFloat, at::kCPU, 1000), 0.15);
}

TEST_F(EngineOnCuda, GraphsRepeatPassesOnOtherBatches) {
  const ModelSpec spec = device_config().spec();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Backbone backbone = Backbone::random(spec, 3, {.dtype = type, .device = gpu_});
    const std::vector<at::Tensor> prompts{
        at::ones({20, spec.hidden_size}, at::TensorOptions(gpu_).dtype(at::kFloat))};
    const auto run = [&](std::uint64_t ids) {  // batches of equal lengths
      const PackedForest packed = pack(device_batch(ids, 9));
      const at::Tensor grad =
          at::ones({std::ssize(packed.forest.targets)}, at::TensorOptions(gpu_).dtype(at::kDouble));
      std::vector<at::Tensor> gradients{at::zeros(prompts[0].sizes(), prompts[0].options())};
      ForestPass pass(backbone, packed.forest, prompts, {.for_backward = true});
      const at::Tensor likelihoods = pass.log_likelihoods().cpu();
      pass.backward(grad, gradients);
      return DeviceOutcome{likelihoods, gradients[0].cpu()};
    };
    std::vector<DeviceOutcome> expected;
    for (std::uint64_t ids = 80; ids > 72; --ids) expected.push_back(run(ids));
    nn::LoadedGraphs loaded = nn::load_graphs(gpu_);
    ASSERT_TRUE(loaded.backend) << loaded.problem;
    const auto graphs = std::make_shared<PassGraphs>(std::move(loaded.backend));
    backbone.set_graphs(graphs);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expect_outcome(run(80 - i), expected[i], type == at::kFloat ? 1e-4 : 0.05);
    }
    EXPECT_GT(graphs->counts().replayed, 0);
  }
}

}  // namespace
}  // namespace incipit::model
