#include "families/gemma/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "families/registry.h"
#include "tests/support/temporary_folder.h"

namespace incipit::gemma {
namespace {

using ::incipit::testing::TemporaryFolder;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class GemmaConfig : public ::testing::Test {
 protected:
  static json minimal(const std::string& model_type) {
    return {{"model_type", model_type},       {"hidden_size", 64},        {"num_hidden_layers", 3},
            {"num_attention_heads", 4},       {"num_key_value_heads", 2}, {"intermediate_size", 96},
            {"max_position_embeddings", 128}, {"vocab_size", 100}};
  }
  static json with(json config, const json& changes) {
    config.update(changes);
    return config;
  }
  model::ModelSpec read(const json& config) {
    folder_.write("config.json", config.dump(2));
    return families::read_model(folder_.path());
  }
  void expect_refused(const json& config, const std::string& key, const std::string& reason) {
    EXPECT_THAT([&] { (void)read(config); },
                ThrowsMessage<DataError>(
                    AllOf(HasSubstr("config.json: " + key + ": "), HasSubstr(reason))));
  }
  // Returns the windows of the layers; 0: none.
  std::vector<std::int64_t> windows(const json& config) {
    std::vector<std::int64_t> windows;
    for (const model::LayerSpec& layer : read(config).layers) {
      windows.push_back(layer.attention.rule.window.value_or(0));
    }
    return windows;
  }
  // Returns theta of the layers.
  std::vector<double> thetas(const json& config) {
    const model::ModelSpec spec = read(config);
    std::vector<double> thetas;
    for (const model::LayerSpec& layer : spec.layers) {
      thetas.push_back(spec.rotary[layer.attention.rotary].theta);
    }
    return thetas;
  }
  TemporaryFolder folder_;
};

TEST_F(GemmaConfig, DefaultsAreThoseOfTransformers) {
  const model::ModelSpec gemma2 = read(minimal("gemma2"));
  const model::AttentionSpec& attention = gemma2.layers[0].attention;
  EXPECT_EQ(attention.head_dim, 256);
  EXPECT_EQ(attention.rule.scale, 1.0 / 16);
  EXPECT_EQ(attention.rule.softcap, 50);
  EXPECT_EQ(gemma2.logit_softcap, 30);
  EXPECT_EQ(gemma2.embedding_scale, 8);
  EXPECT_FALSE(gemma2.scales_prompts);
  EXPECT_TRUE(gemma2.tied());
  EXPECT_FALSE(attention.query_norm.has_value());
  const model::ModelSpec gemma3 = read(minimal("gemma3_text"));
  EXPECT_FALSE(gemma3.layers[0].attention.rule.softcap.has_value());
  EXPECT_FALSE(gemma3.logit_softcap.has_value());
  EXPECT_TRUE(gemma3.layers[0].attention.query_norm.has_value());
}

TEST_F(GemmaConfig, LayersAlternate) {
  EXPECT_THAT(windows(minimal("gemma2")), ElementsAre(4096, 0, 4096));
  EXPECT_THAT(windows(with(minimal("gemma2"), {{"sliding_window", 16}})), ElementsAre(16, 0, 16));
  const json gemma3 = minimal("gemma3_text");
  EXPECT_THAT(windows(gemma3), ElementsAre(4096, 4096, 4096));
  EXPECT_THAT(windows(with(gemma3, {{"sliding_window_pattern", 3}})), ElementsAre(4096, 4096, 0));
  const json types = {"full_attention", "sliding_attention", "full_attention"};
  EXPECT_THAT(windows(with(gemma3, {{"layer_types", types}})), ElementsAre(0, 4096, 0));
  expect_refused(with(gemma3, {{"layer_types", {"full_attention"}}}), "layer_types", "3 layers");
}

TEST_F(GemmaConfig, RotaryFrequenciesAreReadInBothStyles) {
  EXPECT_THAT(thetas(with(minimal("gemma2"), {{"rope_theta", 500}})), ElementsAre(500, 500, 500));
  EXPECT_THAT(thetas(with(minimal("gemma2"), {{"rope_parameters", {{"rope_theta", 700}}}})),
              ElementsAre(700, 700, 700));
  const json gemma3 = with(minimal("gemma3_text"), {{"sliding_window_pattern", 2}});
  EXPECT_THAT(thetas(gemma3), ElementsAre(1e4, 1e6, 1e4));
  EXPECT_THAT(thetas(with(gemma3, {{"rope_theta", 500}, {"rope_local_base_freq", 20}})),
              ElementsAre(20, 500, 20));
  const json parameters = {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 300}}},
                           {"sliding_attention", {{"rope_theta", 40}}}};
  EXPECT_THAT(thetas(with(gemma3, {{"rope_parameters", parameters}})), ElementsAre(40, 300, 40));
  const json linear = {{"rope_type", "linear"}, {"factor", 8}};
  expect_refused(with(gemma3, {{"rope_scaling", linear}}), "rope_scaling.rope_type",
                 "'linear' is not supported");
}

TEST_F(GemmaConfig, VariantsThatTheEngineLacksAreRefused) {
  const json gemma3 = minimal("gemma3_text");
  expect_refused(with(gemma3, {{"use_bidirectional_attention", true}}),
                 "use_bidirectional_attention", "not supported");
  expect_refused(with(gemma3, {{"attn_logit_softcapping", 5.0}}), "attn_logit_softcapping",
                 "not supported");
  expect_refused(with(gemma3, {{"hidden_activation", "silu"}}), "hidden_activation",
                 "supported: gelu_pytorch_tanh");
  expect_refused(with(gemma3, {{"num_key_value_heads", 3}}), "num_key_value_heads",
                 "does not divide");
  EXPECT_FALSE(read(with(minimal("gemma2"), {{"final_logit_softcapping", nullptr}}))
                   .logit_softcap.has_value());
}

}  // namespace
}  // namespace incipit::gemma
