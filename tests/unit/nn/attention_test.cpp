// The two implementations of forest attention against each other: query blocks with our own
// loops, and dense parts merged by log-sum-exp out of plain ATen products.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/forest.h"
#include "core/random.h"
#include "nn/attention_backends.h"

namespace incipit::nn {
namespace {

// Rows of two stores above, shared and unshared segments, an empty one, blocks of many sizes.
Forest sample_forest(std::uint64_t seed) {
  Random random(seed);
  Forest forest;
  const auto add = [&](int parent, std::int64_t rows, ResidentRows resident = {}) {
    for (std::int64_t i = 0; i < rows; ++i) {
      forest.tokens.push_back(1);
      forest.positions.push_back(0);
    }
    forest.segment_begin.push_back(forest.row_count());
    forest.parent.push_back(parent);
    forest.resident.push_back(resident);
    return forest.segment_count() - 1;
  };
  const auto rows = [&] { return 1 + static_cast<std::int64_t>(random.below(70)); };
  const int root = add(-1, 0, {0, {2, 9}});
  const int shared = add(root, rows());
  add(shared, rows());
  const int deep = add(shared, 1);
  add(deep, rows());
  add(deep, 0);
  add(deep, rows());
  add(root, rows());
  const int second = add(add(-1, 0, {1, {0, 4}}), 0, {0, {9, 11}});
  add(second, rows());
  const int other = add(-1, rows());
  add(other, rows());
  forest.check();
  return forest;
}

struct Gradients {
  at::Tensor queries;
  KeysValues own;
  std::vector<KeysValues> residents;
};

class ForestAttention : public ::testing::TestWithParam<std::tuple<int, int, bool>> {};

TEST_P(ForestAttention, BlocksEqualMergedParts) {
  const auto [heads, kv_heads, all_queries] = GetParam();
  const AttentionShape shape{heads, kv_heads, 8};
  const Forest forest = sample_forest(5);
  const std::int64_t rows = forest.row_count();
  const at::Tensor qkv = at::randn({rows, (heads + 2 * kv_heads) * 8}, at::kDouble);
  const KeysValues own{qkv.narrow(1, heads * 8, kv_heads * 8),
                       qkv.narrow(1, (heads + kv_heads) * 8, kv_heads * 8)};
  std::vector<KeysValues> residents;
  for (const std::int64_t store_rows : {11, 4}) {
    const at::Tensor store = at::randn({store_rows, 2 * kv_heads * 8}, at::kDouble);
    residents.push_back(
        {store.narrow(1, 0, kv_heads * 8), store.narrow(1, kv_heads * 8, kv_heads * 8)});
  }
  std::vector<std::int64_t> index;
  for (std::int64_t row = 0; row < rows; row += all_queries ? 1 : 9) index.push_back(row);
  const AttentionPlan plan(forest, index);
  const at::Tensor queries =
      qkv.narrow(1, 0, heads * 8).index_select(0, at::tensor(index, at::kLong));

  const AttentionResult a = attention_forward_cpu(plan, shape, queries, own, residents);
  const AttentionResult b = attention_forward_parts(plan, shape, queries, own, residents);
  EXPECT_TRUE(at::allclose(a.output, b.output, 1e-10, 1e-10));
  EXPECT_TRUE(at::allclose(a.lse, b.lse, 1e-10, 1e-10));

  const at::Tensor grad = at::randn(a.output.sizes(), at::kDouble);
  const auto gradients = [&](auto backward) {
    const auto zeros = [](const at::Tensor& x) { return at::zeros(x.sizes(), x.options()); };
    Gradients g{zeros(queries), {zeros(own.keys), zeros(own.values)}, {}};
    for (const KeysValues& store : residents) {
      g.residents.push_back({zeros(store.keys), zeros(store.values)});
    }
    backward(plan, shape, queries, own, residents, a, grad, g.queries, g.own, g.residents);
    return g;
  };
  const Gradients x = gradients(attention_backward_cpu);
  const Gradients y = gradients(attention_backward_parts);
  EXPECT_TRUE(at::allclose(x.queries, y.queries, 1e-9, 1e-9));
  EXPECT_TRUE(at::allclose(x.own.keys, y.own.keys, 1e-9, 1e-9));
  EXPECT_TRUE(at::allclose(x.own.values, y.own.values, 1e-9, 1e-9));
  for (std::size_t s = 0; s < residents.size(); ++s) {
    EXPECT_TRUE(at::allclose(x.residents[s].keys, y.residents[s].keys, 1e-9, 1e-9));
    EXPECT_TRUE(at::allclose(x.residents[s].values, y.residents[s].values, 1e-9, 1e-9));
    EXPECT_GT(x.residents[s].keys.abs().sum().item<double>(), 0.1);
  }
  EXPECT_EQ(x.residents[0].keys.narrow(0, 0, 2).abs().sum().item<double>(), 0)
      << "rows not referred to";
}

INSTANTIATE_TEST_SUITE_P(Shapes, ForestAttention,
                         ::testing::Combine(::testing::Values(6), ::testing::Values(1, 2, 6),
                                            ::testing::Bool()));

}  // namespace
}  // namespace incipit::nn
