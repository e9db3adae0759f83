// Every supported family against what transformers computed on the same small random model:
// log-likelihoods with and without a soft prompt, and the soft prompt's gradient.
// make_tiny_models.py writes the models and documents their files.
#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "families/registry.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "model/forest_pass.h"

namespace incipit {
namespace {

std::filesystem::path models_dir() {
  const char* dir = std::getenv("INCIPIT_TINY_MODELS");
  return dir ? dir : "";
}

std::vector<std::string> families() {
  const auto list = models_dir() / "families.json";
  if (!std::filesystem::exists(list)) return {};
  return nlohmann::json::parse(read_text(list)).get<std::vector<std::string>>();
}

// The sequence `ids` after `prompt_rows` rows, with every token predicted that can be.
Sequence score_all(const std::vector<TokenId>& ids, int prompt_rows) {
  Sequence sequence;
  sequence.append_prompt({0, prompt_rows});
  sequence.append_tokens(ids);
  for (std::size_t i = prompt_rows > 0 ? 0 : 1; i < ids.size(); ++i) {
    sequence.predictions.push_back({static_cast<std::int64_t>(i) + prompt_rows - 1, ids[i], 1});
  }
  return sequence;
}

class TransformersParity : public ::testing::TestWithParam<std::string> {
 protected:
  void expect_log_likelihoods(const std::string& key, int prompt_rows, int min_shared_rows) const {
    std::vector<Sequence> batch;
    for (const auto& ids : reference_["sequences"]) {
      batch.push_back(score_all(ids.get<std::vector<TokenId>>(), prompt_rows));
    }
    const PackedForest packed = pack(batch, min_shared_rows);
    const std::vector<at::Tensor> prompts{prompt_};
    const model::ForestPass pass(backbone_, packed.forest, prompts, {});
    const auto* found = pass.log_likelihoods().data_ptr<float>();
    for (std::size_t s = 0; s < batch.size(); ++s) {
      const auto expected = reference_[key][s].get<std::vector<double>>();
      ASSERT_EQ(packed.targets[s].size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        EXPECT_NEAR(found[packed.targets[s][k]], expected[k], 1e-4)
            << key << ", sequence " << s << ", token " << k;
      }
    }
  }

  std::filesystem::path dir_ = models_dir() / GetParam();
  nlohmann::json reference_ = nlohmann::json::parse(read_text(dir_ / "reference.json"));
  at::Tensor prompt_ = prompt_tuning::load_npy(dir_ / "soft_prompt.npy").prompt.values;
  model::Backbone backbone_ = model::Backbone::load(
      families::read_model(dir_), model::WeightFiles(dir_), {.dtype = at::kFloat});
};

TEST_P(TransformersParity, LogLikelihoodsWithASoftPrompt) {
  for (const int shared : {0, 1}) {
    expect_log_likelihoods("log_likelihoods", static_cast<int>(prompt_.size(0)), shared);
  }
}

TEST_P(TransformersParity, LogLikelihoodsWithoutOne) {
  for (const int shared : {0, 1}) {
    expect_log_likelihoods("log_likelihoods_without_prompt", 0, shared);
  }
}

TEST_P(TransformersParity, GradientOfTheMeanLoss) {
  std::vector<Sequence> batch;
  double count = 0;
  for (const auto& ids : reference_["sequences"]) {
    batch.push_back(score_all(ids.get<std::vector<TokenId>>(), static_cast<int>(prompt_.size(0))));
    count += static_cast<double>(batch.back().predictions.size());
  }
  const PackedForest packed = pack(batch);
  const std::vector<at::Tensor> prompts{prompt_};
  model::ForestPass pass(backbone_, packed.forest, prompts, {.for_backward = true});
  std::vector<double> grad;
  for (const Target& target : packed.forest.targets) grad.push_back(-target.weight / count);
  std::vector<at::Tensor> gradients{at::zeros_like(prompt_)};
  pass.backward(at::tensor(grad, at::kDouble), gradients);
  const at::Tensor expected = prompt_tuning::load_npy(dir_ / "gradient.npy").prompt.values;
  const double error =
      (gradients[0] - expected).norm().item<double>() / expected.norm().item<double>();
  EXPECT_LT(error, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Families, TransformersParity, ::testing::ValuesIn(families()),
                         [](const auto& info) { return info.param; });

TEST(TransformersParitySetup, EveryFamilyIsThere) {
  EXPECT_GE(families().size(), 8U) << "no small models in INCIPIT_TINY_MODELS";
}

}  // namespace
}  // namespace incipit
