// The engine on a GPU against the engine on the processor. Skipped where there is no GPU.
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <dlfcn.h>

#include "families/registry.h"
#include "model/device_memory.h"
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

}  // namespace
}  // namespace incipit::model
