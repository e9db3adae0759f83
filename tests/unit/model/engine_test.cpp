// The engine against itself: a forest equals the flat computation of its sequences, in
// outputs and gradients, however it is shared or cut.
#include <gtest/gtest.h>

#include <map>

#include "core/error.h"
#include "tests/unit/model/engine_cases.h"

namespace incipit::model {
namespace {

using namespace engine_cases;

class EngineForms : public ::testing::TestWithParam<const char*> {};

TEST_P(EngineForms, ForestEqualsFlatInFloat32) {
  const llama::Config c = config_of(GetParam());
  const Backbone backbone = Backbone::random(c.spec(), 11, {.dtype = at::kFloat});
  const std::vector<at::Tensor> prompts{random_prompt(5, c, 1, at::kFloat),
                                        random_prompt(2, c, 2, at::kFloat)};
  expect_equal(run(backbone, mixed_batch(), prompts, 1), run(backbone, mixed_batch(), prompts, 0),
               1e-5);
}

// Compares the gradients of a batch that is cut at `max_rows` rows with finite differences.
void expect_finite_differences(const Backbone& backbone, std::vector<at::Tensor>& prompts,
                               int min_shared_rows, std::int64_t max_rows) {
  const auto loss = [&] {
    const PackedForest packed = pack(mixed_batch(), min_shared_rows);
    ForestPass pass(backbone, packed.forest, prompts, {});
    const auto ll = values_of(pass.log_likelihoods());
    double sum = 0;
    for (std::size_t t = 0; t < ll.size(); ++t) sum -= packed.forest.targets[t].weight * ll[t];
    return sum;
  };
  const Outcome outcome = run(backbone, mixed_batch(), prompts, min_shared_rows, max_rows);
  constexpr double kStep = 1e-5;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    for (std::int64_t i = 0; i < prompts[p].numel(); i += 7) {
      double& value = prompts[p].data_ptr<double>()[i];
      const double kept = value;
      value = kept + kStep;
      const double above = loss();
      value = kept - kStep;
      const double below = loss();
      value = kept;
      EXPECT_NEAR(outcome.gradients[p].contiguous().data_ptr<double>()[i],
                  (above - below) / (2 * kStep), 1e-7)
          << "prompt " << p << " value " << i;
    }
  }
}

TEST_P(EngineForms, GradientsEqualFiniteDifferencesInFloat64) {
  const llama::Config c = config_of(GetParam());
  const Backbone backbone = Backbone::random(c.spec(), 12, {.dtype = at::kDouble});
  std::vector<at::Tensor> prompts{random_prompt(5, c, 3, at::kDouble),
                                  random_prompt(2, c, 4, at::kDouble)};
  expect_finite_differences(backbone, prompts, 1, 6);
}

INSTANTIATE_TEST_SUITE_P(Forms, EngineForms, kForms,
                         [](const auto& info) { return std::string(info.param); });

class Engine : public ::testing::Test {
 protected:
  llama::Config config_ = small_config();
  Backbone backbone_ = Backbone::random(config_.spec(), 21, {.dtype = at::kFloat});
  std::vector<at::Tensor> prompts_{random_prompt(5, config_, 5, at::kFloat),
                                   random_prompt(2, config_, 6, at::kFloat)};
};

TEST_F(Engine, MixedTasksEqualTheTasksApart) {
  const std::vector<Sequence> batch = mixed_batch();
  const Outcome together = run(backbone_, batch, prompts_, 1);
  for (int task = 0; task < 2; ++task) {
    std::vector<Sequence> own;
    std::vector<std::size_t> places;
    for (std::size_t s = 0; s < batch.size(); ++s) {
      if (batch[s].inputs[0].prompt() != task) continue;
      own.push_back(batch[s]);
      places.push_back(s);
    }
    const Outcome apart = run(backbone_, own, prompts_, 1);
    for (std::size_t s = 0; s < own.size(); ++s) {
      EXPECT_NEAR(apart.log_likelihoods[s][0], together.log_likelihoods[places[s]][0], 1e-5);
    }
    EXPECT_TRUE(at::allclose(apart.gradients[task], together.gradients[task], 1e-5, 1e-5));
  }
}

TEST_F(Engine, MicroBatchesBelowSharedAncestorsGiveEqualGradients) {
  const PackedForest packed = pack(mixed_batch());
  const Outcome whole = run(backbone_, mixed_batch(), prompts_, 1);
  std::map<std::size_t, int> seen;
  for (const std::int64_t max_rows : {18, 12, 8, 4, 1}) {
    ++seen[cut_below_shared(packed.forest, max_rows).branches.size()];
    expect_equal(run(backbone_, mixed_batch(), prompts_, 1, max_rows), whole, 1e-5);
  }
  EXPECT_GE(seen.size(), 3U) << "the limits gave too few different cuts";
}

TEST_F(Engine, EmptySegmentsChangeNothing) {
  PackedForest packed = pack(mixed_batch());
  const auto scores = [&] {
    return values_of(ForestPass(backbone_, packed.forest, prompts_, {}).log_likelihoods());
  };
  const auto expected = scores();
  Forest& forest = packed.forest;
  // An empty root at the end, an empty leaf below it.
  for (const int parent : {-1, forest.segment_count()}) {
    forest.parent.push_back(parent);
    forest.segment_begin.push_back(forest.row_count());
    forest.resident.emplace_back();
    forest.stack.push_back(forest.stack.front());
    forest.adapted_by.push_back(forest.adapted_by.front());
  }
  forest.check();
  EXPECT_EQ(scores(), expected);
}

TEST_F(Engine, ALongBatchOfManyBlocksEqualsItsFlatForm) {
  llama::Config c = small_config();
  c.max_positions = 400;
  const Backbone backbone = Backbone::random(c.spec(), 31, {.dtype = at::kFloat});
  Random random(9);
  std::vector<Sequence> batch;
  for (int s = 0; s < 5; ++s) {
    std::vector<TokenId> ids(70 + random.below(90));
    for (TokenId& id : ids) id = static_cast<TokenId>(random.below(50));
    batch.push_back(make_sequence(0, 101, ids));
  }
  const std::vector<at::Tensor> prompts{random_prompt(101, c, 7, at::kFloat)};
  expect_equal(run(backbone, batch, prompts, 1), run(backbone, batch, prompts, 0), 1e-4);
  expect_equal(run(backbone, batch, prompts, 1), run(backbone, batch, prompts, 1, 300), 1e-5);
}

TEST_F(Engine, BFloat16FollowsFloat32) {
  llama::Config c = small_config();
  const Backbone half = Backbone::random(c.spec(), 21, {.dtype = at::kBFloat16});
  const Outcome exact = run(backbone_, mixed_batch(), prompts_, 1);
  const Outcome rounded = run(half, mixed_batch(), prompts_, 1);
  for (std::size_t s = 0; s < exact.log_likelihoods.size(); ++s) {
    EXPECT_NEAR(rounded.log_likelihoods[s][0], exact.log_likelihoods[s][0], 0.15);
  }
  for (std::size_t p = 0; p < prompts_.size(); ++p) {
    const at::Tensor& a = exact.gradients[p];
    const at::Tensor& b = rounded.gradients[p];
    const double error = (a - b).norm().item<double>() / a.norm().item<double>();
    EXPECT_LT(error, 0.05);
  }
}

// Layers in which a row sees its whole segment: each sequence is one segment.
TEST(FullAttention, ComputesUnsharedSegmentsAndRefusesSharedOnes) {
  ModelSpec spec = small_config().spec();
  for (LayerSpec& layer : spec.layers) layer.attention.rule.full = true;
  const Backbone backbone = Backbone::random(spec, 12, {.dtype = at::kDouble});
  std::vector<at::Tensor> prompts{random_prompt(5, small_config(), 3, at::kDouble),
                                  random_prompt(2, small_config(), 4, at::kDouble)};
  expect_finite_differences(backbone, prompts, /*min_shared_rows=*/0, 6);
  EXPECT_THROW((void)run(backbone, mixed_batch(), prompts, 1), LogicError);
}

TEST_F(Engine, LikelihoodsOfAllTokensSumToOne) {
  Sequence sequence;
  sequence.append_tokens(std::vector<TokenId>{4, 5});
  for (TokenId id = 0; id < 50; ++id) sequence.predictions.push_back({1, id, 1});
  const PackedForest packed = pack(std::vector{sequence});
  const auto ll = values_of(ForestPass(backbone_, packed.forest, prompts_, {}).log_likelihoods());
  double sum = 0;
  for (const double value : ll) sum += std::exp(value);
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST_F(Engine, ASequenceBeyondTheModelsPositionsIsRefusedInWords) {
  Sequence sequence = make_sequence(0, 5, std::vector<TokenId>(60, 1));
  const PackedForest packed = pack(std::vector{sequence});
  try {
    ForestPass pass(backbone_, packed.forest, prompts_, {});
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("65 positions, but the model has 64"),
              std::string::npos);
  }
}

TEST_F(Engine, TheBackbonesBytesStayTheSame) {
  const std::string before = backbone_.weight_hash();
  (void)run(backbone_, mixed_batch(), prompts_, 1);
  EXPECT_EQ(backbone_.weight_hash(), before);
}

}  // namespace
}  // namespace incipit::model
