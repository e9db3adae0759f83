// Padded forests, and passes that graphs repeat on other batches, on the host.
#include "model/pass_graphs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "core/padding.h"
#include "model/pass_state.h"
#include "nn/flops.h"
#include "nn/host_copy.h"
#include "nn/input_buffer.h"
#include "tests/support/fake_graphs.h"
#include "tests/support/host_path.h"
#include "tests/unit/model/engine_run.h"

namespace incipit::model {
namespace {

using ::incipit::testing::FakeGraphs;
using ::incipit::testing::GraphCalls;
using ::incipit::testing::HostPath;

// Batches of sequences; those of one form differ in tokens and, a little, in lengths.
class Batches {
 public:
  Batches(std::string form, std::uint64_t seed) : form_(std::move(form)), random_(seed) {}

  std::vector<Sequence> sequences() {
    std::vector<Sequence> batch;
    const std::vector<TokenId> passages[]{tokens(12), tokens(9)};
    for (int s = 0; s < 6; ++s) {
      Sequence sequence;
      if (form_ == "two roots") sequence.append_prompt({s % 2, s % 2 == 0 ? 20 : 5});
      if (form_ == "prefix") sequence.append_prompt({.prompt = 0, .rows = 7, .resident = true});
      if (form_ == "additions") sequence.adapted_by = 0;
      if (form_ == "some additions") sequence.adapted_by = s % 2 - 1;
      if (form_ != "flat" && form_ != "two roots" && form_ != "prefix") {
        sequence.append_prompt({0, 20});
      }
      if (form_ == "passages" || form_ == "questions") sequence.append_tokens(passages[s / 3]);
      if (form_ == "questions") sequence.append_tokens(std::vector<TokenId>(3, s / 2));
      sequence.append_tokens(std::vector<TokenId>(1, 60 + s));  // sequences share no more
      sequence.append_tokens(tokens(3 + static_cast<std::int64_t>(random_.below(3))));
      predict(sequence);
      batch.push_back(std::move(sequence));
    }
    return batch;
  }

 private:
  std::vector<TokenId> tokens(std::int64_t count) {
    std::vector<TokenId> ids;
    for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<TokenId>(random_.below(80)));
    return ids;
  }
  void predict(Sequence& sequence) {
    const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
    const auto id = [&] { return static_cast<TokenId>(random_.below(40)); };
    if (form_ == "many targets") sequence.predictions = {{last - 2, id(), 1}, {last - 1, id(), 1}};
    sequence.predictions.push_back({last, id(), 1});
    if (form_ == "candidates") sequence.predictions.push_back({last, 40 + id() % 40, 1});
  }
  std::string form_;
  Random random_;
};

at::Tensor random_rows(std::int64_t rows, std::uint64_t seed,
                       std::int64_t width = device_config().hidden_size) {
  Random random(seed);
  at::Tensor made = at::empty({rows, width}, at::kFloat);
  for (std::int64_t i = 0; i < made.numel(); ++i) {
    made.data_ptr<float>()[i] = static_cast<float>(random.normal());
  }
  return made;
}

struct PassResult {
  at::Tensor log_likelihoods, argmax, logits;
  std::vector<at::Tensor> gradients;  // of prompts, keys and values of a prefix, additions
};

// A prefix of 7 rows, as a method keeps it.
nn::KeyValueStore make_prefix() {
  nn::KeyValueStore store;
  store.stays = true;
  for (std::uint64_t layer = 0; layer < 3; ++layer) {
    store.layers.push_back({random_rows(7, layer, 32), random_rows(7, 9 + layer, 32), {}, {}});
  }
  return store;
}

// Additions of rank 2 to the queries, keys and values of every layer.
nn::LowRankMaps make_additions(const Backbone& backbone) {
  nn::LowRankMaps maps;
  for (const nn::Parameter* weight : backbone.weights().parameters()) {
    if (weight->spec().slices.front().tensor.find("q_proj") == std::string::npos) continue;
    const at::Tensor down = random_rows(2, maps.size()) * 0.1;
    const at::Tensor up = random_rows(weight->rows(), 5, 2) * 0.1;
    maps[weight] = {.down = down,
                    .grad_down = at::zeros_like(down),
                    .parts = {{{0, weight->rows()}, {0, 2}, up, at::zeros_like(up)}}};
  }
  return maps;
}

class PassGraphsTest : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] Forest forest(std::uint64_t seed, const char* form = GetParam()) const {
    return pack(Batches(form, seed).sequences(), form == std::string("flat") ? 0 : 1).forest;
  }
  // Runs a forest forward and backward, with gradients 1, 2, ... of its first `targets` targets.
  PassResult run(const Forest& forest, std::int64_t targets, bool recompute = false) {
    prefix_.enable_gradients();
    for (auto& [weight, map] : maps_) {
      map.grad_down.zero_();
      map.parts[0].grad_up.zero_();
    }
    ForestPass pass(backbone_, forest, prompts_, options(recompute));
    at::Tensor grad = at::zeros({std::ssize(forest.targets)}, at::kDouble);
    for (std::int64_t t = 0; t < targets; ++t) grad[t] = static_cast<double>(t + 1);
    PassResult result{pass.log_likelihoods().narrow(0, 0, targets).clone(),
                      pass.argmax().narrow(0, 0, targets).clone(),
                      {},
                      {}};
    for (const at::Tensor& prompt : prompts_) result.gradients.push_back(at::zeros_like(prompt));
    pass.backward(grad, result.gradients);
    for (const auto& layer : prefix_.layers) {
      result.gradients.push_back(layer.grad_keys.clone());
      result.gradients.push_back(layer.grad_values.clone());
    }
    for (const auto& [weight, map] : maps_) {
      result.gradients.push_back(map.grad_down.clone());
      result.gradients.push_back(map.parts[0].grad_up.clone());
    }
    return result;
  }
  [[nodiscard]] ForestPassOptions options(bool recompute = false) {
    return {.for_backward = true,
            .recompute = recompute,
            .residents = {&prefix_},
            .adapters = {&maps_}};
  }
  PassResult run(const Forest& forest) { return run(forest, std::ssize(forest.targets)); }

  static void expect_near(const PassResult& a, const PassResult& b, double tolerance) {
    EXPECT_LT((a.log_likelihoods - b.log_likelihoods).abs().max().item<double>(), tolerance);
    EXPECT_TRUE(a.argmax.equal(b.argmax));
    for (std::size_t p = 0; p < a.gradients.size(); ++p) {
      const double size = b.gradients[p].norm().item<double>();
      const double error = (a.gradients[p] - b.gradients[p]).norm().item<double>();
      EXPECT_LE(error, tolerance * size) << "gradient " << p;
    }
  }

  Backbone backbone_ =
      Backbone::random(device_config().spec(), 3, {.dtype = at::kFloat, .device = at::kCPU});
  std::vector<at::Tensor> prompts_{random_rows(20, 1), random_rows(5, 2)};
  nn::KeyValueStore prefix_ = make_prefix();
  nn::LowRankMaps maps_ = make_additions(backbone_);
  GraphCalls calls_;
};

TEST_P(PassGraphsTest, PaddingChangesNeitherLossesNorGradients) {
  const Forest plain = forest(1);
  const auto padded = padded_to_bucket(plain, device_config().vocab_size);
  ASSERT_TRUE(padded);
  padded->check();
  EXPECT_EQ(padded->row_count() % 128, 0);
  EXPECT_GT(padded->targets.size(), plain.targets.size());
  const std::int64_t targets = std::ssize(plain.targets);
  const PassResult expected = run(plain);
  double largest = 0;
  for (const at::Tensor& gradient : expected.gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  EXPECT_TRUE(largest > 1e-3 || GetParam() == std::string("flat"));
  expect_near(run(*padded, targets), expected, 2e-6);
  for (const bool has_flash : {true, false}) {
    const HostPath path(has_flash);
    expect_near(run(*padded, targets), expected, 2e-5);
  }
}

// What a device is called with for a forest.
std::vector<std::int64_t> sizes_of(const Backbone& backbone, const Forest& forest,
                                   const std::vector<at::Tensor>& prompts,
                                   const ForestPassOptions& options,
                                   const std::vector<nn::ops::RotaryTable>& rotary) {
  nn::InputBuffer inputs(at::kCPU);
  const nn::InputBuffer::Collect scope(inputs);
  const PassState state(backbone, forest, prompts, options, &rotary);
  std::vector<std::int64_t> sizes = state.shape();
  if (sizes.empty()) return sizes;
  sizes.insert(sizes.end(), inputs.layout().begin(), inputs.layout().end());
  return sizes;
}

// What the device is called with is equal, so a graph of one batch fits the others.
TEST_P(PassGraphsTest, SimilarBatchesHaveEqualSizes) {
  const HostPath path;
  std::set<std::vector<std::int64_t>> sizes;
  const auto rotary = backbone_.rotary_tables(512);
  prefix_.enable_gradients();
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto padded = padded_to_bucket(forest(seed), device_config().vocab_size);
    std::vector<std::int64_t> all = sizes_of(backbone_, *padded, prompts_, options(), rotary);
    ASSERT_FALSE(all.empty());
    sizes.insert(std::move(all));
  }
  EXPECT_LE(sizes.size(), 2);  // the row counts are close to a limit between buckets
}

TEST_P(PassGraphsTest, AReplaySeesTheNewBatch) {
  for (const bool has_flash : {true, false}) {
    const HostPath path(has_flash);
    std::vector<PassResult> expected;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) expected.push_back(run(forest(seed)));
    const auto graphs = std::make_shared<PassGraphs>(std::make_unique<FakeGraphs>(calls_));
    backbone_.set_graphs(graphs);
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      SCOPED_TRACE(seed);
      expect_near(run(forest(seed)), expected[seed - 1], 2e-5);
    }
    const GraphCounts counts = graphs->counts();
    EXPECT_EQ(counts.passes(), 6);
    EXPECT_EQ(counts.refused, 0);
    EXPECT_GE(counts.captured, 1);
    EXPECT_GE(counts.replayed, 2);
    EXPECT_EQ(calls_.captures, 2 * counts.captured);  // forward and backward
    EXPECT_EQ(calls_.replays, 2 * (counts.captured + counts.replayed));
    backbone_.set_graphs(nullptr);
    calls_ = {};
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, PassGraphsTest,
                         ::testing::Values("flat", "leaves", "passages", "questions", "two roots",
                                           "candidates", "many targets", "prefix", "additions",
                                           "some additions"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

class OneForm : public PassGraphsTest {
 protected:
  std::shared_ptr<PassGraphs> use_graphs(const GraphLimits& limits = {}) {
    auto graphs = std::make_shared<PassGraphs>(std::make_unique<FakeGraphs>(calls_), limits);
    backbone_.set_graphs(graphs);
    return graphs;
  }
  const HostPath path_;
  nn::KeyValueStore store_;
};

// Forward only, below resident rows that other passes computed, with logits.
TEST_F(OneForm, EvaluationReplaysBelowResidentRows) {
  Sequence beginning;
  beginning.append_prompt({0, 20});
  beginning.predictions = {{19, 3, 1}};
  ForestPass trunk(backbone_, pack({{beginning}}).forest, prompts_, {.keep_keys_values = true});
  const auto resident_batch = [&](std::uint64_t seed) {
    std::vector<Sequence> batch = Batches("leaves", seed).sequences();
    for (Sequence& sequence : batch) {
      for (int row = 0; row < 20; ++row) sequence.inputs[row] = Symbol::resident_row(0, row);
    }
    return pack(batch).forest;
  };
  const auto score = [&](std::uint64_t seed) {
    const ForestPass pass(backbone_, resident_batch(seed), prompts_,
                          {.keep_logits = true, .residents = {&trunk.keys_values()}});
    return PassResult{
        pass.log_likelihoods().clone(), pass.argmax().clone(), pass.logits().clone(), {}};
  };
  std::vector<PassResult> expected;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    expected.push_back(score(seed));
    const ForestPass whole(backbone_, forest(seed, "leaves"), prompts_, {});
    EXPECT_LT(
        (whole.log_likelihoods() - expected.back().log_likelihoods).abs().max().item<double>(),
        2e-5);
  }
  const auto graphs = use_graphs();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const PassResult result = score(seed);
    expect_near(result, expected[seed - 1], 2e-5);
    EXPECT_LT((result.logits - expected[seed - 1].logits).abs().max().item<double>(), 2e-5);
  }
  EXPECT_GE(graphs->counts().replayed, 2);
  EXPECT_EQ(calls_.captures, graphs->counts().captured);
}

// Batches of 8 with the lengths of RTE after a prompt of 100 rows.
TEST_F(OneForm, MostBatchesOfRteHaveSizesMetBefore) {
  Random random(5);
  std::map<std::vector<std::int64_t>, int> met;
  int replayed = 0;
  const auto rotary = backbone_.rotary_tables(512);
  constexpr int kBatches = 300;
  for (int i = 0; i < kBatches; ++i) {
    std::vector<Sequence> batch;
    for (int s = 0; s < 8; ++s) {
      const double length = std::exp(4.3 + 0.5 * random.normal());
      Sequence sequence;
      sequence.append_prompt({0, 100});
      sequence.append_tokens(std::vector<TokenId>(1, s));
      sequence.append_tokens(
          std::vector<TokenId>(static_cast<std::size_t>(std::clamp(length, 20.0, 256.0)), 20));
      sequence.predictions = {{std::ssize(sequence.inputs) - 1, 3, 1}};
      batch.push_back(std::move(sequence));
    }
    const auto padded = padded_to_bucket(pack(batch).forest, device_config().vocab_size);
    replayed +=
        met[sizes_of(backbone_, *padded, {random_rows(100, 1)}, {.for_backward = true}, rotary)]++ >
                1
            ? 1
            : 0;
  }
  RecordProperty("sizes", static_cast<int>(met.size()));
  RecordProperty("replayed", replayed);
  EXPECT_GT(replayed, kBatches * 3 / 4);
}

TEST_F(OneForm, RecomputationReplays) {
  const Forest batch = forest(1, "leaves");
  const std::int64_t targets = std::ssize(batch.targets);
  const PassResult expected = run(batch, targets, /*recompute=*/true);
  const auto graphs = use_graphs();
  for (int i = 0; i < 3; ++i) expect_near(run(batch, targets, true), expected, 2e-5);
  EXPECT_EQ(graphs->counts().replayed, 1);
}

// A spare row takes the keys of padding rows.
TEST_F(OneForm, AReplayWritesTheKeysOfTheNewBatchToItsStore) {
  const auto rows_of = [&](std::uint64_t seed) {
    const Forest batch = forest(seed, "leaves");
    nn::KeyValueStore& store = store_;
    for (auto& layer : store.layers) {
      at::Tensor(layer.keys).fill_(-1);
      at::Tensor(layer.values).fill_(-1);
    }
    StoredRows stored{.store = &store, .spare = 200};
    for (std::int64_t row = 0; row < batch.row_count(); ++row) stored.rows.push_back(199 - row);
    const ForestPass pass(backbone_, batch, prompts_, {.stored = stored});
    std::vector<at::Tensor> rows;
    for (const auto& layer : store.layers) {
      for (const at::Tensor& x : {layer.keys, layer.values}) {
        EXPECT_EQ(x.narrow(0, 0, 200 - batch.row_count()).min().item<float>(), -1);
        rows.push_back(x.narrow(0, 0, 200).clone());
      }
    }
    return rows;
  };
  for (std::size_t layer = 0; layer < backbone_.blocks().size(); ++layer) {
    const auto empty = [] { return at::empty({201, 32}, at::kFloat); };
    store_.layers.push_back({empty(), empty(), {}, {}});
  }
  std::vector<std::vector<at::Tensor>> expected;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) expected.push_back(rows_of(seed));
  const auto graphs = use_graphs();
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<at::Tensor> rows = rows_of(seed);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_LT((rows[i] - expected[seed - 1][i]).abs().max().item<double>(), 2e-5);
    }
  }
  EXPECT_GE(graphs->counts().replayed, 1);
}

TEST_F(OneForm, TheGraphLeastRecentlyUsedIsDropped) {
  const auto graphs = use_graphs({.graphs = 1});
  const Forest a = forest(1, "leaves");
  const Forest b = forest(1, "passages");
  for (int i = 0; i < 3; ++i) (void)run(a);
  EXPECT_EQ(graphs->counts().replayed, 1);
  for (int i = 0; i < 3; ++i) (void)run(b);
  EXPECT_EQ(graphs->counts().dropped, 1);
  EXPECT_EQ(calls_.destroyed, 2);
  (void)run(a);  // its sizes were met, so it is captured at once
  EXPECT_EQ(graphs->counts().captured, 3);
  EXPECT_EQ(graphs->counts().dropped, 2);
}

TEST_F(OneForm, APassBetweenForwardAndBackwardKeepsTheMemoryOfGraphs) {
  const Forest batch = forest(1, "leaves");
  const PassResult expected = run(batch);
  const auto graphs = use_graphs();
  for (int i = 0; i < 2; ++i) (void)run(batch);
  {
    const ForestPass pass(backbone_, batch, prompts_, options());
    EXPECT_EQ(graphs->counts().replayed, 1);
    expect_near(run(batch), expected, 2e-5);  // without a graph
    EXPECT_EQ(graphs->counts().refused, 1);
  }
  expect_near(run(batch), expected, 2e-5);
  EXPECT_EQ(graphs->counts().replayed, 2);
}

TEST_F(OneForm, RefusesWhatGraphsDoNotCompute) {
  const auto graphs = use_graphs({.max_rows = 60});
  const Forest batch = forest(1, "leaves");
  const auto refused = [&](const Forest& forest, const ForestPassOptions& options) {
    const std::int64_t before = graphs->counts().refused;
    const ForestPass pass(backbone_, forest, prompts_, options);
    return graphs->counts().refused == before + 1;
  };
  EXPECT_FALSE(refused(batch, {}));
  EXPECT_TRUE(refused(forest(1, "passages"), {})) << "more rows than the limit";
  EXPECT_TRUE(refused(batch, {.keep_keys_values = true}));
  EXPECT_TRUE(refused(batch, {.hidden_only = true}));
  const ForestPass teacher(backbone_, batch, prompts_, {.hidden_only = true});
  EXPECT_TRUE(refused(batch, {.teacher = teacher.target_hidden()}));
  EXPECT_TRUE(refused(batch, {.on_layer = [](const LayerView&) {}}));
  EXPECT_TRUE(refused({}, {}));
  ForestPass trunk(backbone_, batch, prompts_, {.for_backward = true});
  trunk.keys_values().enable_gradients();
  EXPECT_TRUE(refused(batch, {.for_backward = true, .residents = {&trunk.keys_values()}}));
  ::incipit::nn::set_cpu_path(nullptr);
  EXPECT_TRUE(refused(batch, {})) << "there are no kernels";
}

TEST_F(OneForm, AReplayCountsTheFlopsThatWereCaptured) {
  const auto graphs = use_graphs();
  const Forest batch = forest(1, "leaves");
  std::vector<double> counts;
  for (int i = 0; i < 3; ++i) {
    const double before = nn::counted_flops();
    (void)run(batch);
    counts.push_back(nn::counted_flops() - before);
  }
  EXPECT_EQ(counts[1], counts[2]);
  EXPECT_GT(counts[1], counts[0]);  // the padding too
}

TEST(InputBuffer, CapturedWorkMayNotUpload) {
  const nn::InputBuffer::Forbid scope;
  const std::vector<std::int64_t> numbers{1, 2};
  EXPECT_THROW((void)nn::upload(numbers, at::kCPU), LogicError);
}

TEST(InputBuffer, GivesArraysOfOneLayoutTheSameMemory) {
  const auto collect = [](nn::InputBuffer& buffer, std::int64_t first) {
    const nn::InputBuffer::Collect scope(buffer);
    const std::vector<std::int64_t> longs{first, first + 1};
    const std::vector<std::int32_t> ints{static_cast<std::int32_t>(first)};
    return std::pair(nn::upload(longs, at::kCPU),
                     nn::upload(std::span<const std::int32_t>(ints), at::kCPU));
  };
  nn::InputBuffer buffer(at::kCPU), later(at::kCPU);
  (void)collect(buffer, 1);
  buffer.allocate();
  const auto [longs, ints] = collect(buffer, 1);
  buffer.fill(buffer);
  EXPECT_EQ(longs[1].item<std::int64_t>(), 2);
  const auto [host, unused] = collect(later, 7);
  EXPECT_EQ(host[0].item<std::int64_t>(), 7);
  buffer.fill(later);
  EXPECT_EQ(longs[1].item<std::int64_t>(), 8);
  EXPECT_EQ(ints[0].item<std::int32_t>(), 7);
  {
    const nn::InputBuffer::Collect scope(later);
    const std::vector<std::int64_t> longer{1, 2, 3};
    (void)nn::upload(longer, at::kCPU);
  }
  EXPECT_THROW(buffer.fill(later), LogicError);
}

}  // namespace
}  // namespace incipit::model
