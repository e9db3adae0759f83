// Small models of all forms, a batch that shares beginnings, and its forward and backward pass:
// what the tests of the engine compare.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/forest.h"
#include "core/random.h"
#include "families/llama/config.h"
#include "model/forest_pass.h"

namespace incipit::model::engine_cases {

inline llama::Config small_config() {
  llama::Config c;
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

inline at::Tensor random_prompt(int rows, const llama::Config& c, std::uint64_t seed,
                                at::ScalarType type) {
  Random random(seed);
  at::Tensor prompt = at::empty({rows, c.hidden_size}, at::kDouble);
  for (std::int64_t i = 0; i < prompt.numel(); ++i) prompt.data_ptr<double>()[i] = random.normal();
  return prompt.to(type);
}

inline Sequence make_sequence(int prompt, int prompt_rows, std::vector<TokenId> ids) {
  Sequence made;
  made.append_prompt({prompt, prompt_rows});
  made.append_tokens(ids);
  const auto length = static_cast<std::int64_t>(made.inputs.size());
  made.predictions = {{length - 1, 3, 1.0F}, {length - 2, 7, 0.5F}};
  return made;
}

// Two tasks with prompts of different lengths, shared beginnings, equal and one-token tails.
inline std::vector<Sequence> mixed_batch() {
  return {make_sequence(0, 5, {1, 2, 3, 4, 5, 6}),
          make_sequence(0, 5, {1, 2, 3, 9}),
          make_sequence(0, 5, {8}),
          make_sequence(1, 2, {1, 2, 3}),
          make_sequence(1, 2, {1, 2, 4, 4, 4}),
          make_sequence(0, 5, {1, 2, 3, 9})};
}

struct Outcome {
  std::vector<std::vector<double>> log_likelihoods;  // by sequence and prediction
  std::vector<TokenId> argmax;                       // by target of the packed forest
  std::vector<at::Tensor> gradients;                 // by prompt, of the weighted sum
};

inline at::Tensor gradient_weights(const Forest& forest) {
  std::vector<double> grad;
  for (const Target& target : forest.targets) grad.push_back(-target.weight);
  return at::tensor(grad, at::kDouble);
}

inline std::vector<at::Tensor> zeros_like_all(const std::vector<at::Tensor>& prompts) {
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& p : prompts) zeros.push_back(at::zeros(p.sizes(), p.options()));
  return zeros;
}

inline std::vector<double> values_of(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

inline Outcome run(const Backbone& backbone, const std::vector<Sequence>& batch,
                   const std::vector<at::Tensor>& prompts, int min_shared_rows,
                   std::int64_t max_rows = 1000) {
  const PackedForest packed = pack(batch, min_shared_rows);
  const ForestCut cut = cut_below_shared(packed.forest, max_rows);
  const std::size_t targets = packed.forest.targets.size();
  Outcome outcome{{}, std::vector<TokenId>(targets), zeros_like_all(prompts)};
  std::vector<double> all(targets);
  const auto keep = [&](const ForestPass& pass, const std::vector<std::int32_t>& target_of) {
    const auto values = values_of(pass.log_likelihoods());
    for (std::size_t t = 0; t < values.size(); ++t) {
      all[target_of[t]] = values[t];
      outcome.argmax[target_of[t]] = pass.argmax()[static_cast<std::int64_t>(t)].item<TokenId>();
    }
  };
  ForestPass trunk(backbone, cut.trunk, prompts, {.for_backward = true});
  trunk.keys_values().enable_gradients();
  keep(trunk, cut.trunk_target_of);
  for (const auto& branch : cut.branches) {
    ForestPass pass(backbone, branch.forest, prompts,
                    {.for_backward = true, .residents = {&trunk.keys_values()}});
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

inline void expect_equal(const Outcome& a, const Outcome& b, double tolerance) {
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

// What families of models differ in, by name.
inline llama::Config config_of(const std::string& form) {
  llama::Config c = small_config();
  c.tied_embeddings = form == "tied";
  c.qkv_bias = form == "qwen2";
  c.output_bias = c.mlp_bias = form == "biased";
  c.qk_norm = form == "qwen3";
  if (form == "qwen3") c.head_dim = 6;  // not hidden / heads
  if (form == "multi_head") c.kv_heads = c.heads;
  if (form == "multi_query") c.kv_heads = 1;
  if (form == "one_layer") c.layers = 1;
  if (form == "nine_heads") c.heads = 9, c.kv_heads = 3;
  if (form == "llama3_rope") c.rope_scaling = nn::Llama3RopeScaling{8, 1, 4, 16};
  return c;
}

inline const auto kForms =
    ::testing::Values("plain", "tied", "qwen2", "biased", "qwen3", "multi_head", "multi_query",
                      "one_layer", "llama3_rope");

}  // namespace incipit::model::engine_cases
