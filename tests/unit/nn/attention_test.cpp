// The two implementations of forest attention against each other, and against one dense softmax
// with a mask, differentiated by libtorch.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/forest.h"
#include "core/random.h"
#include "nn/attention_backends.h"
#include "nn/attention_flash.h"
#include "nn/attention_weights.h"
#include "nn/meta_device.h"
#include "tests/support/host_path.h"

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
    forest.stack.push_back(0);
    forest.adapted_by.push_back(-1);
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

// Returns the rows of the path to the end of a row's segment, in order of their positions: indices
// into the rows of the forest followed by those of the stores, which begin at `store_begin`.
std::vector<std::int64_t> path_to(const Forest& forest, std::int64_t row,
                                  const std::vector<std::int64_t>& store_begin) {
  int segment = 0;
  while (row >= forest.rows(segment).end) ++segment;
  std::vector<std::int64_t> keys;
  for (; segment >= 0; segment = forest.parent[segment]) {
    const ResidentRows& resident = forest.resident[segment];
    const bool computed = resident.empty();
    const Range rows = computed ? forest.rows(segment) : resident.rows;
    const std::int64_t begin = computed ? 0 : store_begin[resident.store];
    for (std::int64_t i = rows.end; i-- > rows.begin;) keys.insert(keys.begin(), begin + i);
  }
  return keys;
}

constexpr std::int64_t kHeadDim = 8;

// One dense softmax of one head over all keys. `seen` [queries, keys].
at::Tensor dense_head(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& seen, const AttentionRule& rule) {
  at::Tensor s = at::matmul(q, k.t()) * rule.scale.value_or(1 / std::sqrt(double{kHeadDim}));
  if (rule.softcap) s = at::tanh(s / *rule.softcap) * *rule.softcap;
  return at::matmul(at::softmax(s.masked_fill(seen.logical_not(), -1e300), -1), v);
}

class ForestAttention : public ::testing::TestWithParam<std::tuple<int, bool, int>> {
 protected:
  static constexpr int kHeads = 6;
  static inline const std::vector<AttentionRule> kRules{{},
                                                        {.window = 7},
                                                        {.window = 60},
                                                        {.scale = 0.7, .softcap = 1.5},
                                                        {.scale = 0.2, .window = 25, .softcap = 3},
                                                        {.window = 1},
                                                        {.full = true},
                                                        {.window = 30, .softcap = 2, .full = true}};

  ForestAttention() {
    at::manual_seed(4);
    const std::int64_t rows = forest_.row_count();
    const std::int64_t width = kv_heads_ * kHeadDim;
    const at::Tensor qkv = at::randn({rows, kHeads * kHeadDim + 2 * width}, at::kDouble);
    own_ = {qkv.narrow(1, kHeads * kHeadDim, width),
            qkv.narrow(1, kHeads * kHeadDim + width, width)};
    for (const std::int64_t store_rows : {11, 4}) {
      const at::Tensor store = at::randn({store_rows, 2 * width}, at::kDouble);
      residents_.push_back({store.narrow(1, 0, width), store.narrow(1, width, width)});
    }
    const std::int64_t step = std::get<1>(GetParam()) ? 1 : 9;
    for (std::int64_t row = 0; row < rows; row += step) index_.push_back(row);
    queries_ = qkv.narrow(1, 0, kHeads * kHeadDim).index_select(0, at::tensor(index_, at::kLong));
    grad_ = at::randn(queries_.sizes(), at::kDouble);
  }

  void to_float32() {
    const auto narrow = [](const KeysValues& x) {
      return KeysValues{x.keys.to(at::kFloat), x.values.to(at::kFloat)};
    };
    queries_ = queries_.to(at::kFloat);
    grad_ = grad_.to(at::kFloat);
    own_ = narrow(own_);
    for (KeysValues& store : residents_) store = narrow(store);
  }

  // All rows of keys or of values: those of the forest, then those of the stores.
  [[nodiscard]] at::Tensor all(at::Tensor KeysValues::*part) const {
    return at::cat({own_.*part, residents_[0].*part, residents_[1].*part});
  }

  // seen[query][key], by the definition of a forest and of a window.
  [[nodiscard]] at::Tensor seen() const {
    const std::vector<std::int64_t> store_begin{forest_.row_count(), forest_.row_count() + 11};
    const auto queries = static_cast<std::int64_t>(index_.size());
    at::Tensor seen = at::zeros({queries, all(&KeysValues::keys).size(0)}, at::kBool);
    for (std::int64_t q = 0; q < queries; ++q) {
      const auto path = path_to(forest_, index_[q], store_begin);
      const auto position = std::find(path.begin(), path.end(), index_[q]) - path.begin();
      for (std::int64_t k = 0; k < std::ssize(path); ++k) {
        if (rule_.window && std::abs(position - k) >= *rule_.window) continue;
        if (rule_.full || k <= position) seen[q][path[k]] = true;
      }
    }
    return seen;
  }

  template <typename Backward>
  [[nodiscard]] Gradients gradients(Backward&& backward, const AttentionResult& result) const {
    const auto zeros = [](const at::Tensor& x) { return at::zeros(x.sizes(), x.options()); };
    Gradients g{zeros(queries_), {zeros(own_.keys), zeros(own_.values)}, {}};
    for (const KeysValues& store : residents_) {
      g.residents.push_back({zeros(store.keys), zeros(store.values)});
    }
    backward(plan_, shape_, rule_, queries_, own_, residents_, result, grad_, g.queries, g.own,
             g.residents);
    return g;
  }

  const std::int64_t kv_heads_ = std::get<0>(GetParam());
  const AttentionRule rule_ = kRules[std::get<2>(GetParam())];
  const AttentionShape shape_{kHeads, kv_heads_, kHeadDim};
  const Forest forest_ = sample_forest(5);
  std::vector<std::int64_t> index_;
  KeysValues own_;
  std::vector<KeysValues> residents_;
  at::Tensor queries_;
  at::Tensor grad_;
  AttentionPlan plan_{forest_};
};

TEST_P(ForestAttention, BlocksAndMergedPartsEqualOneMaskedSoftmax) {
  plan_ = AttentionPlan(forest_, index_);
  at::Tensor q = queries_.clone().requires_grad_();
  at::Tensor k = all(&KeysValues::keys).requires_grad_();
  at::Tensor v = all(&KeysValues::values).requires_grad_();
  const at::Tensor seen = this->seen();
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < kHeads; ++head) {
    const std::int64_t kv = head / (kHeads / kv_heads_) * kHeadDim;
    heads.push_back(dense_head(q.narrow(1, head * kHeadDim, kHeadDim), k.narrow(1, kv, kHeadDim),
                               v.narrow(1, kv, kHeadDim), seen, rule_));
  }
  const at::Tensor expected = at::cat(heads, 1);
  (expected * grad_).sum().backward();

  const auto near = [](const at::Tensor& x, const at::Tensor& y) {
    return at::allclose(x, y, 1e-9, 1e-9);
  };
  const AttentionResult a = attention_forward_cpu(plan_, shape_, rule_, queries_, own_, residents_);
  const AttentionResult b =
      attention_forward_parts(plan_, shape_, rule_, queries_, own_, residents_);
  EXPECT_TRUE(near(a.output, expected));
  EXPECT_TRUE(near(b.output, expected));
  EXPECT_TRUE(near(a.lse, b.lse));
  for (const Gradients& g :
       {gradients(attention_backward_cpu, a), gradients(attention_backward_parts, a)}) {
    EXPECT_TRUE(near(g.queries, q.grad()));
    EXPECT_TRUE(near(at::cat({g.own.keys, g.residents[0].keys, g.residents[1].keys}), k.grad()));
    EXPECT_TRUE(
        near(at::cat({g.own.values, g.residents[0].values, g.residents[1].values}), v.grad()));
    EXPECT_EQ(g.residents[0].values.narrow(0, 0, 2).abs().sum().item<double>(), 0)
        << "rows not referred to";
  }
}

TEST_P(ForestAttention, WeightsTimesValuesAreTheOutput) {
  plan_ = AttentionPlan(forest_, index_);
  const AttentionResult expected =
      attention_forward_cpu(plan_, shape_, rule_, queries_, own_, residents_);
  const std::vector<std::int64_t> store_begin{forest_.row_count(), forest_.row_count() + 11};
  const at::Tensor values = all(&KeysValues::values);
  for (std::size_t q = 0; q < index_.size(); ++q) {
    const at::Tensor weights = attention_weights(plan_, shape_, rule_, static_cast<std::int64_t>(q),
                                                 queries_, own_, residents_);
    const at::Tensor seen =
        values.index_select(0, at::tensor(path_to(forest_, index_[q], store_begin), at::kLong));
    std::vector<at::Tensor> heads;
    for (std::int64_t head = 0; head < kHeads; ++head) {
      const std::int64_t kv = head / (kHeads / kv_heads_) * kHeadDim;
      heads.push_back(at::matmul(weights[head], seen.narrow(1, kv, kHeadDim)));
    }
    const at::Tensor output = expected.output[static_cast<std::int64_t>(q)];
    ASSERT_TRUE(at::allclose(at::cat(heads), output, 1e-9, 1e-9)) << "query " << q;
  }
}

TEST_P(ForestAttention, Float32FollowsFloat64) {
  plan_ = AttentionPlan(forest_, index_);
  const AttentionResult wide =
      attention_forward_cpu(plan_, shape_, rule_, queries_, own_, residents_);
  const Gradients exact = gradients(attention_backward_cpu, wide);
  to_float32();
  const AttentionResult rounded =
      attention_forward_cpu(plan_, shape_, rule_, queries_, own_, residents_);
  const Gradients found = gradients(attention_backward_cpu, rounded);
  const auto error = [](const at::Tensor& x, const at::Tensor& y) {
    return (x.to(at::kDouble) - y).norm().item<double>() / y.norm().item<double>();
  };
  EXPECT_LT(error(rounded.output, wide.output), 1e-6);
  EXPECT_LT(error(rounded.lse, wide.lse), 1e-6);
  if (rule_.window == 1) return;  // the only weight is 1, so queries have no gradient
  EXPECT_LT(error(found.queries, exact.queries), 1e-6);
  EXPECT_LT(error(found.own.keys, exact.own.keys), 1e-6);
}

// With flash attention where it supports the rule, and with the plain kernels.
TEST_P(ForestAttention, KernelsOfAGpuFollowFloat64) {
  plan_ = AttentionPlan(forest_, index_);
  const AttentionResult wide =
      attention_forward_cpu(plan_, shape_, rule_, queries_, own_, residents_);
  const Gradients exact = gradients(attention_backward_cpu, wide);
  to_float32();
  const auto near = [](const at::Tensor& x, const at::Tensor& y) {
    return at::allclose(x.to(at::kDouble), y, 1e-5, 2e-5);
  };
  for (const bool has_flash : {true, false}) {
    const ::incipit::testing::HostPath path(has_flash);
    const AttentionResult found =
        attention_forward_flash(plan_, shape_, rule_, queries_, own_, residents_);
    EXPECT_TRUE(near(found.output, wide.output));
    EXPECT_TRUE(near(found.lse, wide.lse));
    std::vector<KeysValues> stores;
    for (const KeysValues& store : residents_) {
      stores.push_back({at::zeros(store.keys.sizes()), at::zeros(store.values.sizes())});
    }
    const at::Tensor all = attention_backward_flash(plan_, shape_, rule_, queries_, own_,
                                                    residents_, found, grad_, {}, stores, {});
    const std::int64_t q_width = kHeads * kHeadDim, kv_width = kv_heads_ * kHeadDim;
    const at::Tensor of_queries = all.narrow(1, 0, q_width);
    EXPECT_TRUE(near(of_queries.index_select(0, at::tensor(index_, at::kLong)), exact.queries));
    EXPECT_NEAR(of_queries.abs().sum().item<double>(), exact.queries.abs().sum().item<double>(),
                1e-3 * exact.queries.abs().sum().item<double>() + 1e-4)
        << "rows without a query have a gradient";
    EXPECT_TRUE(near(all.narrow(1, q_width, kv_width), exact.own.keys));
    EXPECT_TRUE(near(all.narrow(1, q_width + kv_width, kv_width), exact.own.values));
    for (std::size_t s = 0; s < stores.size(); ++s) {
      EXPECT_TRUE(near(stores[s].keys, exact.residents[s].keys));
      EXPECT_TRUE(near(stores[s].values, exact.residents[s].values));
    }
  }
}

// Returns how many tensors are copied from host memory while `work` runs.
template <typename Work>
int copies_from_host(Work&& work) {
  static thread_local int count = 0;
  count = 0;
  const auto count_copy =
      [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
    if (call.name() == std::string_view("aten::_to_copy") && call.inputs()[0].toTensor().is_cpu()) {
      ++count;
    }
    return nullptr;
  };
  const at::CallbackHandle handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(count_copy).needsInputs(true));
  work();
  at::removeCallback(handle);
  return count;
}

// On the meta device, where reading a value throws.
TEST_P(ForestAttention, OfOtherDevicesReadsNoValueBack) {
  prepare_meta_device();
  plan_ = AttentionPlan(forest_, index_);
  const auto without_data = [](const KeysValues& x) {
    return KeysValues{x.keys.to(at::kMeta), x.values.to(at::kMeta)};
  };
  queries_ = queries_.to(at::kMeta);
  grad_ = grad_.to(at::kMeta);
  own_ = without_data(own_);
  for (KeysValues& store : residents_) store = without_data(store);
  const AttentionResult result =
      attention_forward_parts(plan_, shape_, rule_, queries_, own_, residents_);
  EXPECT_EQ(result.output.sizes(), queries_.sizes());
  EXPECT_TRUE(gradients(attention_backward_parts, result).queries.is_meta());
}

TEST_P(ForestAttention, LayersOnOtherDevicesShareTheIndexTensorsOfABatch) {
  prepare_meta_device();
  plan_ = AttentionPlan(forest_, index_);
  queries_ = queries_.to(at::kMeta);
  grad_ = grad_.to(at::kMeta);
  for (KeysValues* each : {&own_, &residents_[0], &residents_[1]}) {
    *each = {each->keys.to(at::kMeta), each->values.to(at::kMeta)};
  }
  const auto layer = [&] {
    (void)gradients(attention_backward_parts,
                    attention_forward_parts(plan_, shape_, rule_, queries_, own_, residents_));
  };
  EXPECT_GT(copies_from_host(layer), 0);
  EXPECT_EQ(copies_from_host(layer), 0);
}

// Segments of an encoder, computed and resident, above those of a decoder.
Forest two_stacks() {
  Forest forest;
  const auto add = [&](int parent, int stack, std::int64_t rows, ResidentRows resident = {}) {
    forest.tokens.resize(forest.tokens.size() + rows, 1);
    forest.positions.resize(forest.tokens.size(), 0);
    forest.segment_begin.push_back(forest.row_count());
    forest.parent.push_back(parent);
    forest.resident.push_back(resident);
    forest.stack.push_back(stack);
    forest.adapted_by.push_back(-1);
    return forest.segment_count() - 1;
  };
  const int prefix = add(-1, 0, 0, {0, {2, 5}});
  const int source = add(prefix, 0, 50);
  const int start = add(source, 1, 3);
  add(start, 1, 60);
  add(start, 1, 1);
  const int other = add(-1, 0, 4);
  add(other, 1, 2);
  forest.check();
  return forest;
}

// Of 66 queries of the decoder, each sees the rows of its encoder's segments, whatever its
// position.
TEST(CrossAttentionPlan, SeesAllRowsOfTheEncoderAboveAndNoOthers) {
  at::manual_seed(2);
  const AttentionShape shape{2, 1, kHeadDim};
  const AttentionRule rule{.scale = 0.4, .full = true};
  const auto random = [](std::int64_t rows, std::int64_t width) {
    return at::randn({rows, width}, at::kDouble).requires_grad_();
  };
  const at::Tensor q = random(66, 2 * kHeadDim);
  const KeysValues own{random(54, kHeadDim), random(54, kHeadDim)};
  const KeysValues store{random(7, kHeadDim), random(7, kHeadDim)};
  at::Tensor seen = at::zeros({66, 61}, at::kBool);
  seen.narrow(0, 0, 64).narrow(1, 0, 50).fill_(true);  // the first encoder
  seen.narrow(0, 0, 64).narrow(1, 56, 3).fill_(true);  // the resident rows before it
  seen.narrow(0, 64, 2).narrow(1, 50, 4).fill_(true);  // the second encoder
  const at::Tensor k = at::cat({own.keys, store.keys});
  const at::Tensor v = at::cat({own.values, store.values});
  const auto head = [&](std::int64_t h) {
    return dense_head(q.narrow(1, h * kHeadDim, kHeadDim), k, v, seen, rule);
  };
  const at::Tensor expected = at::cat({head(0), head(1)}, 1);
  const at::Tensor grad = at::randn(expected.sizes(), at::kDouble);
  (expected * grad).sum().backward();

  const AttentionPlan plan(two_stacks(), PlanStacks{.queries = 1, .keys = 0});
  const auto data = [](const KeysValues& x) { return KeysValues{x.keys.data(), x.values.data()}; };
  const std::vector<KeysValues> stores{data(store)};
  for (const bool parts : {false, true}) {
    const auto forward = parts ? attention_forward_parts : attention_forward_cpu;
    const auto backward = parts ? attention_backward_parts : attention_backward_cpu;
    const AttentionResult result = forward(plan, shape, rule, q.data(), data(own), stores);
    EXPECT_TRUE(at::allclose(result.output, expected, 1e-9, 1e-9));
    const auto zeros = [](const at::Tensor& x) { return at::zeros(x.sizes(), x.options()); };
    const at::Tensor grad_q = at::zeros({66, 2 * kHeadDim}, at::kDouble);
    const KeysValues grad_own{zeros(own.keys.data()), zeros(own.values.data())};
    const std::vector<KeysValues> grad_store{
        {zeros(store.keys.data()), zeros(store.values.data())}};
    backward(plan, shape, rule, q.data(), data(own), stores, result, grad, grad_q, grad_own,
             grad_store);
    EXPECT_TRUE(at::allclose(grad_q, q.grad(), 1e-9, 1e-9));
    EXPECT_TRUE(at::allclose(grad_own.keys, own.keys.grad(), 1e-9, 1e-9));
    EXPECT_TRUE(at::allclose(grad_own.values, own.values.grad(), 1e-9, 1e-9));
    EXPECT_TRUE(at::allclose(grad_store[0].keys, store.keys.grad(), 1e-9, 1e-9));
  }
}

// Every pair of values of two parameters.
std::vector<std::tuple<int, bool, int>> pairs() {
  std::vector<std::tuple<int, bool, int>> found;
  for (int rule = 0; rule < 8; ++rule) {
    for (int group = 0; group < 3; ++group) {
      constexpr std::array kKvHeads{1, 2, 6};
      found.emplace_back(kKvHeads[group], (rule + group) % 2 == 0, rule);
    }
  }
  return found;
}

INSTANTIATE_TEST_SUITE_P(Shapes, ForestAttention, ::testing::ValuesIn(pairs()));

}  // namespace
}  // namespace incipit::nn
