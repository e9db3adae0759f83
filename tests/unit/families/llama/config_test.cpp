#include "families/llama/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "families/registry.h"
#include "tests/support/temporary_folder.h"

namespace incipit::llama {
namespace {

using ::incipit::testing::TemporaryFolder;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

// Reads a small model's configuration with some keys changed.
class ModelConfig : public ::testing::Test {
 protected:
  static json minimal(const std::string& model_type = "llama") {
    return {{"model_type", model_type},      {"hidden_size", 64},       {"num_hidden_layers", 2},
            {"num_attention_heads", 8},      {"intermediate_size", 96}, {"vocab_size", 100},
            {"max_position_embeddings", 128}};
  }
  static json with(json config, const json& changes) {
    config.update(changes);
    return config;
  }
  Config read(const json& config) {
    folder_.write("config.json", config.dump(2));
    (void)families::read_model(folder_.path());  // the registry finds the family
    return read_config(model::JsonObject::read(folder_ / "config.json"));
  }
  // Refused with a message that names the file, the key and the reason.
  void expect_refused(const json& config, const std::string& key, const std::string& reason) {
    EXPECT_THAT([&] { (void)read(config); },
                ThrowsMessage<DataError>(
                    AllOf(HasSubstr("config.json: " + key + ": "), HasSubstr(reason))));
  }
  TemporaryFolder folder_;
};

TEST_F(ModelConfig, DefaultsAreThoseOfTransformers) {
  const Config config = read(minimal());
  EXPECT_EQ(config.model_type, "llama");
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.kv_heads, 8);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.intermediate_size, 96);
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.max_positions, 128);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_FALSE(config.rope_scaling.has_value());
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_FALSE(config.output_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_FALSE(config.qk_norm);
  EXPECT_FALSE(config.bos_token_id.has_value());
  EXPECT_THAT(config.eos_token_ids, IsEmpty());
}

TEST_F(ModelConfig, ReadsWhatIsGiven) {
  const Config config = read(with(minimal(), {{"num_key_value_heads", 2},
                                              {"head_dim", 16},
                                              {"rms_norm_eps", 1e-5},
                                              {"tie_word_embeddings", true},
                                              {"attention_bias", true},
                                              {"mlp_bias", true},
                                              {"pretraining_tp", 4},
                                              {"bos_token_id", 1},
                                              {"eos_token_id", {2, 3}},
                                              {"dtype", "bfloat16"}}));
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_TRUE(config.output_bias);
  EXPECT_TRUE(config.mlp_bias);
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(2, 3));
  EXPECT_EQ(config.torch_dtype, "bfloat16");
}

TEST_F(ModelConfig, KeysThatMayChangeTheComputationAreRefused) {
  const json values{{"is_causal", false},       {"residual_multiplier", 0.22},
                    {"rope_interleaved", true}, {"final_logit_softcapping", 30},
                    {"invented", "x"},          {"auto_map", {{"AutoModel", "own.Model"}}}};
  for (const auto& [key, value] : values.items()) {
    expect_refused(with(minimal(), {{key, value}}), key, "remove this key");
  }
  EXPECT_NO_THROW((void)read(with(minimal(), {{"is_causal", true},
                                              {"residual_multiplier", 1},
                                              {"invented", nullptr},
                                              {"_invented", 1},
                                              {"use_cache", false},
                                              {"auto_map", {{"AutoConfig", "own.Config"}}}})));
}

TEST_F(ModelConfig, NullCountsAsAbsent) {
  const Config config = read(with(minimal(), {{"num_key_value_heads", nullptr},
                                              {"head_dim", nullptr},
                                              {"rope_scaling", nullptr},
                                              {"rope_parameters", nullptr},
                                              {"quantization_config", nullptr},
                                              {"eos_token_id", nullptr},
                                              {"torch_dtype", "float16"}}));
  EXPECT_EQ(config.kv_heads, 8);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.torch_dtype, "float16");
}

TEST_F(ModelConfig, FamiliesDifferInBiasesAndNorms) {
  const Config qwen2 = read(minimal("qwen2"));
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.output_bias);
  EXPECT_FALSE(qwen2.qk_norm);
  const Config qwen3 = read(minimal("qwen3"));
  EXPECT_FALSE(qwen3.qkv_bias);
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_TRUE(read(with(minimal("qwen3"), {{"attention_bias", true}})).output_bias);
  const Config mistral =
      read(with(minimal("mistral"), {{"sliding_window", nullptr}, {"attention_bias", true}}));
  EXPECT_FALSE(mistral.qkv_bias);
}

TEST_F(ModelConfig, RopeThetaStandsOutsideOrInsideItsParameters) {
  EXPECT_EQ(read(with(minimal(), {{"rope_theta", 5e5}})).rope_theta, 5e5);
  const json parameters = {{"rope_type", "default"}, {"rope_theta", 1e6}};
  EXPECT_EQ(read(with(minimal(), {{"rope_parameters", parameters}})).rope_theta, 1e6);
  EXPECT_EQ(
      read(with(minimal(), {{"rope_parameters", parameters}, {"rope_theta", 5.0}})).rope_theta,
      1e6);
}

TEST_F(ModelConfig, Llama3ScalingIsReadInBothStyles) {
  const json scaling = {{"factor", 32.0},
                        {"low_freq_factor", 2.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 64}};
  for (const auto& [key, type_key] :
       std::vector<std::pair<std::string, std::string>>{{"rope_scaling", "rope_type"},
                                                        {"rope_scaling", "type"},
                                                        {"rope_parameters", "rope_type"}}) {
    const json config = with(minimal(), {{key, with(scaling, {{type_key, "llama3"}})}});
    const std::optional<nn::Llama3RopeScaling> read_back = read(config).rope_scaling;
    ASSERT_TRUE(read_back.has_value()) << config;
    EXPECT_EQ(read_back->factor, 32);
    EXPECT_EQ(read_back->low_freq_factor, 2);
    EXPECT_EQ(read_back->high_freq_factor, 4);
    EXPECT_EQ(read_back->original_max_positions, 64);
  }
}

TEST_F(ModelConfig, Llama3ScalingWithoutOriginalPositionsTakesTheModels) {
  const json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0}};
  EXPECT_EQ(read(with(minimal(), {{"rope_scaling", scaling}})).rope_scaling->original_max_positions,
            128);
}

TEST_F(ModelConfig, IncompleteLlama3ScalingIsRefused) {
  expect_refused(with(minimal(), {{"rope_scaling", {{"rope_type", "llama3"}}}}),
                 "rope_scaling.factor", "is missing");
  expect_refused(with(minimal(), {{"rope_scaling",
                                   {{"rope_type", "llama3"},
                                    {"factor", 8},
                                    {"low_freq_factor", 4},
                                    {"high_freq_factor", 1}}}}),
                 "rope_scaling.high_freq_factor", "above low_freq_factor");
}

TEST_F(ModelConfig, OtherRopeTypesAreRefusedByName) {
  for (const std::string type : {"linear", "dynamic", "yarn", "longrope"}) {
    expect_refused(with(minimal(), {{"rope_scaling", {{"rope_type", type}, {"factor", 2.0}}}}),
                   "rope_scaling.rope_type", "'" + type + "' is not supported");
    expect_refused(with(minimal(), {{"rope_scaling", {{"type", type}, {"factor", 2.0}}}}),
                   "rope_scaling.type", "'" + type + "' is not supported");
    expect_refused(with(minimal(), {{"rope_parameters", {{"rope_type", type}}}}),
                   "rope_parameters.rope_type", "'" + type + "' is not supported");
  }
  expect_refused(
      with(minimal(), {{"rope_parameters", {{"full_attention", {{"rope_theta", 1.0}}}}}}),
      "rope_parameters.full_attention", "differ by layer");
  expect_refused(with(minimal(), {{"partial_rotary_factor", 0.5}}), "partial_rotary_factor",
                 "not supported");
}

// Returns the windows of the layers; 0: none.
std::vector<std::int64_t> windows_of(const Config& config) {
  std::vector<std::int64_t> windows;
  for (const model::LayerSpec& layer : config.spec().layers) {
    windows.push_back(layer.attention.rule.window.value_or(0));
  }
  return windows;
}

TEST_F(ModelConfig, EveryLayerOfMistralHasTheWindow) {
  const json mistral = minimal("mistral");
  EXPECT_THAT(windows_of(read(mistral)), ElementsAre(4096, 4096));  // the default
  EXPECT_THAT(windows_of(read(with(mistral, {{"sliding_window", 12}}))), ElementsAre(12, 12));
  EXPECT_THAT(windows_of(read(with(mistral, {{"sliding_window", nullptr}}))), ElementsAre(0, 0));
  expect_refused(with(mistral, {{"sliding_window", 0}}), "sliding_window", "from 1");
  for (const std::string other : {"llama", "mistral"}) {
    expect_refused(with(minimal(other), {{"layer_types", {"full_attention", "sliding_attention"}}}),
                   "layer_types", "\"sliding_attention\" is not supported");
  }
}

TEST_F(ModelConfig, LayersOfQwenHaveTheWindowThatTheFileStates) {
  for (const std::string family : {"qwen2", "qwen3"}) {
    const json off = with(minimal(family), {{"use_sliding_window", false}, {"sliding_window", 4}});
    const json on = with(off, {{"use_sliding_window", true}});
    EXPECT_THAT(windows_of(read(off)), ElementsAre(0, 0));
    EXPECT_THAT(windows_of(read(on)), ElementsAre(0, 0));  // only from layer 28 on
    EXPECT_THAT(windows_of(read(with(on, {{"max_window_layers", 1}}))), ElementsAre(0, 4));
    const json types = {"sliding_attention", "full_attention"};
    EXPECT_THAT(windows_of(read(with(on, {{"layer_types", types}, {"max_window_layers", 0}}))),
                ElementsAre(4, 0));
    expect_refused(with(off, {{"layer_types", types}}), "layer_types", "use_sliding_window");
    expect_refused(with(on, {{"layer_types", {"full_attention"}}}), "layer_types", "2 layers");
    expect_refused(with(on, {{"layer_types", {"full_attention", "chunked_attention"}}}),
                   "layer_types", "\"chunked_attention\" is not supported");
  }
}

TEST_F(ModelConfig, UnknownFamiliesAreRefusedWithTheKnownOnes) {
  expect_refused(minimal("t5"), "model_type",
                 "'t5' is not supported; supported: llama, mistral, qwen2, qwen3, gpt2");
  json config = minimal();
  config.erase("model_type");
  expect_refused(config, "model_type", "is missing");
}

TEST_F(ModelConfig, QuantizedStorageAndOtherActivationsAreRefused) {
  expect_refused(with(minimal(), {{"quantization_config", {{"quant_method", "gptq"}}}}),
                 "quantization_config", "gptq");
  expect_refused(with(minimal(), {{"hidden_act", "gelu"}}), "hidden_act", "supported: silu");
}

TEST_F(ModelConfig, ShapesThatDoNotFitAreRefused) {
  expect_refused(with(minimal(), {{"num_key_value_heads", 3}}), "num_key_value_heads",
                 "does not divide");
  expect_refused(with(minimal(), {{"hidden_size", 65}}), "head_dim", "no multiple");
  expect_refused(with(minimal(), {{"head_dim", 7}}), "head_dim", "even");
  expect_refused(with(minimal(), {{"hidden_size", 0}}), "hidden_size", "from 1");
  expect_refused(with(minimal(), {{"hidden_size", "64"}}), "hidden_size", "is \"64\"");
  expect_refused(with(minimal(), {{"vocab_size", 1e300}}), "vocab_size", "whole number");
  expect_refused(with(minimal(), {{"vocab_size", 18446744073709551615ULL}}), "vocab_size",
                 "whole number");
  expect_refused(with(minimal(), {{"rms_norm_eps", 0}}), "rms_norm_eps", "above 0");
  expect_refused(with(minimal(), {{"eos_token_id", "</s>"}}), "eos_token_id", "token id");
}

TEST_F(ModelConfig, AMissingOrDamagedFileIsNamed) {
  EXPECT_THAT([&] { (void)families::read_model(folder_.path()); },
              ThrowsMessage<DataError>(HasSubstr("config.json")));
  folder_.write("config.json", "{\"model_type\": \"llama\", \"model_type\": \"llama\"}");
  EXPECT_THAT([&] { (void)families::read_model(folder_.path()); },
              ThrowsMessage<DataError>(HasSubstr("stands twice")));
  folder_.write("config.json", "[]");
  EXPECT_THAT([&] { (void)families::read_model(folder_.path()); },
              ThrowsMessage<DataError>(HasSubstr("must hold a JSON object")));
}

}  // namespace
}  // namespace incipit::llama
