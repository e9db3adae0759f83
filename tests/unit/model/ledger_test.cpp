#include "nn/ledger.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/model/engine_cases.h"

namespace incipit::model {
namespace {

using namespace engine_cases;
using nn::ledger_snapshot;
using nn::LedgerScope;
using nn::LedgerSnapshot;
using nn::MemoryKind;
using nn::start_ledger;

double bytes_of(MemoryKind kind) { return ledger_snapshot().of(kind).bytes; }

TEST(Ledger, CountsBytesByTheInnermostScopeUntilTheyAreFreed) {
  start_ledger();
  const LedgerSnapshot before = ledger_snapshot();
  {
    const LedgerScope outer(MemoryKind::kOptimizer);
    const at::Tensor first = at::empty({1000}, at::kFloat);
    std::optional<at::Tensor> second;
    {
      const LedgerScope inner(MemoryKind::kActivations);
      second = at::empty({500}, at::kDouble);
    }
    EXPECT_EQ(bytes_of(MemoryKind::kOptimizer) - before.of(MemoryKind::kOptimizer).bytes, 4000);
    EXPECT_EQ(bytes_of(MemoryKind::kActivations) - before.of(MemoryKind::kActivations).bytes, 4000);
    EXPECT_EQ(ledger_snapshot().total.bytes - before.total.bytes, 8000);
    second.reset();
    EXPECT_EQ(bytes_of(MemoryKind::kActivations), before.of(MemoryKind::kActivations).bytes);
  }
  const LedgerSnapshot after = ledger_snapshot();
  EXPECT_EQ(after.total.bytes, before.total.bytes);
  EXPECT_GE(after.total.peak_bytes, before.total.bytes + 8000);
  EXPECT_GE(after.of(MemoryKind::kOptimizer).peak_bytes, 4000);
}

TEST(Ledger, MemoryIsAlignedAsLibtorchAlignsIt) {
  start_ledger();
  for (const std::int64_t size : {1, 63, 64, 65, 100000}) {
    const at::Tensor made = at::empty({size}, at::kByte);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made.data_ptr()) % 64, 0U) << size;
  }
  EXPECT_EQ(at::empty({0}, at::kByte).data_ptr(), nullptr);
}

TEST(Ledger, KnowsWeightsAndActivationsOfTheEngine) {
  start_ledger();
  const llama::Config c = config_of("biased");
  const double before = bytes_of(MemoryKind::kWeights);
  const Backbone backbone = Backbone::random(c.spec(), 1, {.dtype = at::kFloat});
  constexpr double kRotaryFrequencies = 2 * sizeof(float);  // head_dim / 2
  EXPECT_EQ(bytes_of(MemoryKind::kWeights) - before,
            static_cast<double>(backbone.weight_bytes()) + kRotaryFrequencies);

  const double idle = bytes_of(MemoryKind::kActivations);
  const PackedForest packed = pack(mixed_batch());
  const std::vector<at::Tensor> prompts{random_prompt(5, c, 3, at::kFloat),
                                        random_prompt(2, c, 4, at::kFloat)};
  {
    const ForestPass pass(backbone, packed.forest, prompts, {.for_backward = true});
    const double qkv = static_cast<double>(c.layers * packed.forest.row_count() *
                                           (c.heads + 2 * c.kv_heads) * c.head_dim);
    EXPECT_GT(bytes_of(MemoryKind::kActivations) - idle, qkv * sizeof(float));
  }
  EXPECT_EQ(bytes_of(MemoryKind::kActivations), idle);
}

}  // namespace
}  // namespace incipit::model
