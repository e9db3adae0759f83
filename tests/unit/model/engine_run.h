// Runs a small random model forward and backward over a batch, for tests that compare devices.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <iterator>
#include <vector>

#include "core/forest.h"
#include "core/random.h"
#include "families/llama/config.h"
#include "model/forest_pass.h"

namespace incipit::model {
inline llama::Config device_config() {
  llama::Config c;
  c.model_type = "llama";
  c.hidden_size = 64;
  c.layers = 3;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 16;
  c.intermediate_size = 96;
  c.vocab_size = 80;
  c.max_positions = 512;
  c.rms_norm_eps = 1e-5;
  return c;
}

// Sequences after a prompt of 20 rows, half of them with a shared passage. Token ids are below
// `ids`, and no sequence is longer than 20 + 2.5 * `length` rows.
inline std::vector<Sequence> device_batch(std::uint64_t ids, std::uint64_t length) {
  Random random(4);
  std::vector<TokenId> passage(length + length / 2);
  for (TokenId& id : passage) id = static_cast<TokenId>(random.below(ids));
  std::vector<Sequence> batch;
  for (int s = 0; s < 6; ++s) {
    Sequence sequence;
    sequence.append_prompt({0, 20});
    if (s % 2 == 0) sequence.append_tokens(passage);
    for (std::uint64_t i = 0, n = 1 + random.below(length); i < n; ++i) {
      const std::vector<TokenId> id{static_cast<TokenId>(random.below(ids))};
      sequence.append_tokens(id);
    }
    const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
    sequence.predictions = {{last, 3, 1}, {last - 1, 7, 1}};
    batch.push_back(std::move(sequence));
  }
  return batch;
}

struct DeviceOutcome {
  at::Tensor log_likelihoods, gradient;  // on the CPU
};

// Runs the batch in one pass, or in a trunk and branches of at most `max_rows` rows.
inline DeviceOutcome run_model(const ModelSpec& c, const std::vector<Sequence>& batch,
                               at::ScalarType dtype, at::Device device, std::int64_t max_rows) {
  const Backbone backbone = Backbone::random(c, 3, {.dtype = dtype, .device = device});
  Random random(8);
  at::Tensor prompt = at::empty({20, c.hidden_size}, at::kFloat);
  for (std::int64_t i = 0; i < prompt.numel(); ++i) {
    prompt.data_ptr<float>()[i] = static_cast<float>(random.normal());
  }
  const std::vector<at::Tensor> prompts{prompt.to(device)};
  std::vector<at::Tensor> gradients{at::zeros(prompt.sizes(), prompts[0].options())};
  const PackedForest packed = pack(batch);
  const ForestCut cut = cut_below_shared(packed.forest, max_rows);
  at::Tensor all = at::zeros({static_cast<std::int64_t>(packed.forest.targets.size())}, at::kFloat);
  const auto keep = [&](const ForestPass& pass, const std::vector<std::int32_t>& target_of) {
    for (std::size_t t = 0; t < target_of.size(); ++t) {
      all[target_of[t]] = pass.log_likelihoods()[static_cast<std::int64_t>(t)];
    }
  };
  const auto ones = [&](const Forest& forest) {
    return at::ones({std::ssize(forest.targets)}, at::TensorOptions(device).dtype(at::kDouble));
  };
  ForestPass trunk(backbone, cut.trunk, prompts, {.for_backward = true});
  trunk.keys_values().enable_gradients();
  keep(trunk, cut.trunk_target_of);
  for (const auto& branch : cut.branches) {
    ForestPass pass(backbone, branch.forest, prompts,
                    {.for_backward = true, .residents = {&trunk.keys_values()}});
    keep(pass, branch.target_of);
    pass.backward(ones(branch.forest), gradients);
  }
  trunk.backward(ones(cut.trunk), gradients);
  return {all, gradients[0].cpu()};
}

inline DeviceOutcome run_on(at::ScalarType dtype, at::Device device, std::int64_t max_rows) {
  return run_model(device_config().spec(), device_batch(80, 40), dtype, device, max_rows);
}

inline void expect_outcome(const DeviceOutcome& a, const DeviceOutcome& b, double tolerance) {
  EXPECT_LT((a.log_likelihoods - b.log_likelihoods).abs().max().item<double>(), tolerance);
  const double error =
      (a.gradient - b.gradient).norm().item<double>() / b.gradient.norm().item<double>();
  EXPECT_LT(error, tolerance);
}

}  // namespace incipit::model
