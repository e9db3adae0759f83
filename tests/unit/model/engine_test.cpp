// The engine against itself: a forest equals the flat computation of its sequences, in
// outputs and gradients, however it is shared or cut.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <map>

#include "core/error.h"
#include "core/forest.h"
#include "core/random.h"
#include "model/forest_pass.h"

namespace incipit::model {
namespace {

TransformerConfig small_config() {
  TransformerConfig c;
  c.model_type = "llama";
  c.hidden_size = 24;
  c.layers = 3;
  c.heads = 6;
  c.kv_heads = 2;
  c.head_dim = 4;
  c.intermediate_size = 40;
  c.vocab_size = 50;
  c.max_positions = 64;
  c.rms_norm_eps = 1e-5;
  return c;
}

at::Tensor random_prompt(int rows, const TransformerConfig& c, std::uint64_t seed,
                         at::ScalarType type) {
  Random random(seed);
  at::Tensor prompt = at::empty({rows, c.hidden_size}, at::kDouble);
  for (std::int64_t i = 0; i < prompt.numel(); ++i) prompt.data_ptr<double>()[i] = random.normal();
  return prompt.to(type);
}

Sequence make_sequence(int prompt, int prompt_rows, std::vector<TokenId> ids) {
  Sequence made;
  made.append_prompt(prompt, prompt_rows);
  made.append_tokens(ids);
  const auto length = static_cast<std::int64_t>(made.inputs.size());
  made.predictions = {{length - 1, 3, 1.0F}, {length - 2, 7, 0.5F}};
  return made;
}

// Two tasks with prompts of different lengths, shared beginnings, equal and one-token tails.
std::vector<Sequence> mixed_batch() {
  return {make_sequence(0, 5, {1, 2, 3, 4, 5, 6}), make_sequence(0, 5, {1, 2, 3, 9}),
          make_sequence(0, 5, {8}),                make_sequence(1, 2, {1, 2, 3}),
          make_sequence(1, 2, {1, 2, 4, 4, 4}),    make_sequence(0, 5, {1, 2, 3, 9})};
}

struct Outcome {
  std::vector<std::vector<double>> log_likelihoods;  // by sequence and prediction
  std::vector<at::Tensor> gradients;                 // by prompt, of the weighted sum
};

std::vector<double> gradient_weights(const Forest& forest) {
  std::vector<double> grad;
  for (const Target& target : forest.targets) grad.push_back(-target.weight);
  return grad;
}

std::vector<at::Tensor> zeros_like_all(const std::vector<at::Tensor>& prompts) {
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& p : prompts) zeros.push_back(at::zeros(p.sizes(), p.options()));
  return zeros;
}

std::vector<double> values_of(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

Outcome run(const Backbone& backbone, const std::vector<Sequence>& batch,
            const std::vector<at::Tensor>& prompts, int min_shared_rows,
            std::int64_t max_rows = 1000) {
  const PackedForest packed = pack(batch, min_shared_rows);
  const ForestCut cut = cut_below_shared(packed.forest, max_rows);
  Outcome outcome{{}, zeros_like_all(prompts)};
  std::vector<double> all(packed.forest.targets.size());
  const auto keep = [&](const ForestPass& pass, const std::vector<std::int32_t>& target_of) {
    const auto values = values_of(pass.log_likelihoods());
    for (std::size_t t = 0; t < values.size(); ++t) all[target_of[t]] = values[t];
  };
  ForestPass trunk(backbone, cut.trunk, prompts, {.for_backward = true});
  trunk.keys_values().enable_gradients();
  keep(trunk, cut.trunk_target_of);
  for (const auto& branch : cut.branches) {
    ForestPass pass(backbone, branch.forest, prompts,
                    {.for_backward = true, .residents = &trunk.keys_values()});
    keep(pass, branch.target_of);
    pass.backward(gradient_weights(branch.forest), outcome.gradients);
  }
  trunk.backward(gradient_weights(cut.trunk), outcome.gradients);
  for (const auto& own : packed.targets) {
    auto& values = outcome.log_likelihoods.emplace_back();
    for (const std::int32_t t : own) values.push_back(all[t]);
  }
  return outcome;
}

void expect_equal(const Outcome& a, const Outcome& b, double tolerance) {
  ASSERT_EQ(a.log_likelihoods.size(), b.log_likelihoods.size());
  for (std::size_t s = 0; s < a.log_likelihoods.size(); ++s) {
    for (std::size_t k = 0; k < a.log_likelihoods[s].size(); ++k) {
      EXPECT_NEAR(a.log_likelihoods[s][k], b.log_likelihoods[s][k], tolerance) << "sequence " << s;
    }
  }
  for (std::size_t p = 0; p < a.gradients.size(); ++p) {
    EXPECT_TRUE(at::allclose(a.gradients[p], b.gradients[p], tolerance, tolerance))
        << "gradient of prompt " << p;
    EXPECT_GT(a.gradients[p].abs().max().item<double>(), 1e-3);
  }
}

class EngineForms : public ::testing::TestWithParam<const char*> {
 protected:
  static TransformerConfig config_of(const std::string& form) {
    TransformerConfig c = small_config();
    c.tied_embeddings = form == "tied";
    c.qkv_bias = form == "qwen2";
    c.output_bias = c.mlp_bias = form == "biased";
    c.qk_norm = form == "qwen3";
    if (form == "qwen3") c.head_dim = 6;  // not hidden / heads
    if (form == "multi_head") c.kv_heads = c.heads;
    if (form == "multi_query") c.kv_heads = 1;
    if (form == "one_layer") c.layers = 1;
    if (form == "llama3_rope") c.rope_scaling = Llama3RopeScaling{8, 1, 4, 16};
    return c;
  }
};

TEST_P(EngineForms, ForestEqualsFlatInFloat32) {
  const TransformerConfig c = config_of(GetParam());
  const Backbone backbone = Backbone::random(c, 11, {.dtype = at::kFloat});
  const std::vector<at::Tensor> prompts{random_prompt(5, c, 1, at::kFloat),
                                        random_prompt(2, c, 2, at::kFloat)};
  expect_equal(run(backbone, mixed_batch(), prompts, 1), run(backbone, mixed_batch(), prompts, 0),
               1e-5);
}

TEST_P(EngineForms, GradientsEqualFiniteDifferencesInFloat64) {
  const TransformerConfig c = config_of(GetParam());
  const Backbone backbone = Backbone::random(c, 12, {.dtype = at::kDouble});
  std::vector<at::Tensor> prompts{random_prompt(5, c, 3, at::kDouble),
                                  random_prompt(2, c, 4, at::kDouble)};
  const auto loss = [&] {
    const PackedForest packed = pack(mixed_batch());
    ForestPass pass(backbone, packed.forest, prompts, {});
    const auto ll = values_of(pass.log_likelihoods());
    double sum = 0;
    for (std::size_t t = 0; t < ll.size(); ++t) sum -= packed.forest.targets[t].weight * ll[t];
    return sum;
  };
  const Outcome outcome = run(backbone, mixed_batch(), prompts, 1, 6);
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

INSTANTIATE_TEST_SUITE_P(Forms, EngineForms,
                         ::testing::Values("plain", "tied", "qwen2", "biased", "qwen3",
                                           "multi_head", "multi_query", "one_layer",
                                           "llama3_rope"),
                         [](const auto& info) { return std::string(info.param); });

class Engine : public ::testing::Test {
 protected:
  TransformerConfig config_ = small_config();
  Backbone backbone_ = Backbone::random(config_, 21, {.dtype = at::kFloat});
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
  }
  forest.check();
  EXPECT_EQ(scores(), expected);
}

TEST_F(Engine, ALongBatchOfManyBlocksEqualsItsFlatForm) {
  TransformerConfig c = small_config();
  c.max_positions = 400;
  const Backbone backbone = Backbone::random(c, 31, {.dtype = at::kFloat});
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
  TransformerConfig c = small_config();
  const Backbone half = Backbone::random(c, 21, {.dtype = at::kBFloat16});
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

TEST_F(Engine, LikelihoodsOfAllTokensSumToOne) {
  Sequence sequence;
  sequence.append_tokens(std::vector<TokenId>{4, 5});
  for (TokenId id = 0; id < 50; ++id) sequence.predictions.push_back({1, id, 1});
  const PackedForest packed = pack(std::vector{sequence});
  const auto ll =
      values_of(ForestPass(backbone_, packed.forest, prompts_, {}).log_likelihoods());
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
