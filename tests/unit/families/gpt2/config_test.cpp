#include "families/gpt2/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "families/registry.h"
#include "tests/support/temporary_folder.h"

namespace incipit::gpt2 {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Gpt2Config : public ::testing::Test {
 protected:
  static json minimal() {
    return {{"model_type", "gpt2"}, {"n_embd", 64},       {"n_layer", 2},
            {"n_head", 4},          {"n_positions", 128}, {"vocab_size", 100}};
  }
  static json with(json config, const json& changes) {
    config.update(changes);
    return config;
  }
  model::ModelSpec read(const json& config) {
    folder_.write("config.json", config.dump());
    return families::read_model(folder_.path());
  }
  void expect_refused(const json& changes, const std::string& key, const std::string& reason) {
    EXPECT_THAT([&] { (void)read(with(minimal(), changes)); },
                ThrowsMessage<DataError>(
                    AllOf(HasSubstr("config.json: " + key + ": "), HasSubstr(reason))));
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Gpt2Config, DefaultsAreThoseOfTransformers) {
  const model::ModelSpec spec = read(minimal());
  EXPECT_EQ(spec.layer_count(), 2);
  EXPECT_TRUE(spec.tied());
  EXPECT_TRUE(spec.rotary.empty());
  const model::LayerSpec& layer = spec.layers[1];
  EXPECT_EQ(layer.attention.head_dim, 16);
  EXPECT_EQ(layer.attention.kv_heads, 4);
  EXPECT_EQ(layer.mlp.width, 256);
  EXPECT_FALSE(layer.mlp.gate.has_value());
  EXPECT_EQ(layer.attention_norm.kind, nn::NormKind::kLayer);
  EXPECT_EQ(layer.attention_norm.eps, 1e-5);
  EXPECT_EQ(layer.attention.value.name, "transformer.h.1.attn.c_attn");
  EXPECT_EQ(layer.attention.value.first, 128);
  EXPECT_EQ(layer.attention.value.stored_outputs, 192);
}

TEST_F(Gpt2Config, WhatChangesNumbersIsReadOrRefused) {
  EXPECT_EQ(read(with(minimal(), {{"n_inner", 100}})).layers[0].mlp.width, 100);
  EXPECT_FALSE(read(with(minimal(), {{"tie_word_embeddings", false}})).tied());
  expect_refused({{"n_head", 5}}, "n_head", "does not divide n_embd, 64");
  expect_refused({{"activation_function", "relu"}}, "activation_function", "'relu'");
  expect_refused({{"scale_attn_weights", false}}, "scale_attn_weights", "without scaling");
  expect_refused({{"scale_attn_by_inverse_layer_idx", true}}, "scale_attn_by_inverse_layer_idx",
                 "number of the layer");
  expect_refused({{"add_cross_attention", true}}, "add_cross_attention", "cross-attention");
  expect_refused({{"quantization_config", {{"quant_method", "gptq"}}}}, "quantization_config",
                 "gptq");
}

}  // namespace
}  // namespace incipit::gpt2
