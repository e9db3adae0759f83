#include "families/llama/config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "families/config_keys.h"
#include "families/other_keys.h"

namespace incipit::llama {
namespace {

using families::kMostOfAnything;
using families::lacks;
using families::positive;
using model::JsonObject;

constexpr std::int64_t kDefaultWindow = 4096;
constexpr std::int64_t kDefaultFirstWindowLayer = 28;
constexpr std::int64_t kQwen3DefaultHeadDim = 128;

void read_biases(const JsonObject& json, Config& config) {
  const bool attention_bias = json.boolean_or("attention_bias", false);
  const bool has_switch = config.model_type == "llama" || config.model_type == "qwen3";
  config.qkv_bias = config.model_type == "qwen2" || (has_switch && attention_bias);
  config.output_bias = has_switch && attention_bias;
  config.mlp_bias = config.model_type == "llama" && json.boolean_or("mlp_bias", false);
  config.qk_norm = config.model_type == "qwen3";
}

nn::Llama3RopeScaling read_llama3_scaling(const JsonObject& json, const JsonObject& rope,
                                          std::int64_t max_positions) {
  const char* kOriginal = "original_max_position_embeddings";
  nn::Llama3RopeScaling scaling;
  scaling.factor = positive(rope, "factor");
  scaling.low_freq_factor = positive(rope, "low_freq_factor");
  scaling.high_freq_factor = positive(rope, "high_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.fail("high_freq_factor", "must be above low_freq_factor");
  }
  // If both places have it, transformers prefers the outer one.
  scaling.original_max_positions = json.has(kOriginal)   ? positive(json, kOriginal)
                                   : rope.has(kOriginal) ? positive(rope, kOriginal)
                                                         : static_cast<double>(max_positions);
  return scaling;
}

void refuse_partial_rotary(const JsonObject& json) {
  if (json.number_or("partial_rotary_factor", 1.0) != 1.0) {
    lacks(json, "partial_rotary_factor", "rotating only a part of each head");
  }
}

// Old files have rope_theta beside rope_scaling {"type" or "rope_type": ...}. Since transformers 5,
// all of it is in rope_parameters.
void read_rope(const JsonObject& json, Config& config) {
  if (json.has("rope_theta")) config.rope_theta = positive(json, "rope_theta");
  refuse_partial_rotary(json);
  const auto filled = [&](const char* key) { return json.has(key) && !json.value()[key].empty(); };
  const char* key = filled("rope_scaling") ? "rope_scaling" : "rope_parameters";
  if (!filled(key)) return;
  const JsonObject rope = json.object(key);
  for (const auto& [name, value] : rope.value().items()) {
    if (value.is_object()) lacks(rope, name, "rotary parameters that differ by layer");
  }
  if (rope.has("rope_theta")) config.rope_theta = positive(rope, "rope_theta");
  refuse_partial_rotary(rope);
  const char* type_key = rope.has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.text_or(type_key, "default");
  if (type == "llama3") {
    config.rope_scaling = read_llama3_scaling(json, rope, config.max_positions);
  } else if (type != "default") {
    rope.fail(type_key, "'" + type + "' is not supported; supported: default, llama3");
  }
}

// Returns the window that the file states, or the default of transformers. null means none.
std::optional<std::int64_t> stated_window(const JsonObject& json) {
  const char* key = "sliding_window";
  if (json.has(key)) return json.integer(key, 1, kMostOfAnything);
  if (json.value().contains(key)) return {};
  return kDefaultWindow;
}

// Reads which layers have a window: those that "layer_types" names, or all from max_window_layers.
void read_window_layers(const JsonObject& json, Config& config) {
  const char* key = "layer_types";
  if (!json.has(key)) {
    const std::int64_t first = json.has("max_window_layers")
                                   ? json.integer("max_window_layers", 0, kMostOfAnything)
                                   : kDefaultFirstWindowLayer;
    for (std::int64_t i = 0; i < config.layers; ++i) config.windowed.push_back(i >= first);
    return;
  }
  config.windowed = families::sliding_layers(json, config.layers);
  const bool any =
      std::find(config.windowed.begin(), config.windowed.end(), true) != config.windowed.end();
  if (any && !config.window) {
    json.fail(key, "\"sliding_attention\" needs sliding_window, and use_sliding_window true");
  }
}

void refuse_layer_types(const JsonObject& json) {
  if (!json.has("layer_types")) return;
  for (const nlohmann::json& type : json.value()["layer_types"]) {
    if (type != "full_attention") lacks(json, "layer_types", dump_json(type));
  }
}

void read_window(const JsonObject& json, Config& config) {
  if (config.model_type == "mistral") {
    config.window = stated_window(json);
    config.windowed.assign(config.layers, config.window.has_value());
    refuse_layer_types(json);
  } else if (config.model_type == "llama") {
    refuse_layer_types(json);
  } else {
    if (json.boolean_or("use_sliding_window", false)) config.window = stated_window(json);
    read_window_layers(json, config);
  }
}

void read_activation(const JsonObject& json) {
  const std::string activation = json.text_or("hidden_act", "silu");
  if (activation != "silu" && activation != "swish") {
    json.fail("hidden_act", "'" + activation + "' is not supported; supported: silu");
  }
}

}  // namespace

Config read_config(const JsonObject& json) {
  Config config;
  config.model_type = json.text("model_type");
  families::refuse_quantized(json);
  read_activation(json);
  families::read_rotary_decoder(json, config.model_type == "qwen3" ? kQwen3DefaultHeadDim : 0,
                                config);
  read_biases(json, config);
  read_rope(json, config);
  read_window(json, config);
  if (json.has("rms_norm_eps")) config.rms_norm_eps = positive(json, "rms_norm_eps");
  families::read_ends(json, /*tied_by_default=*/false, config);
  families::refuse_other_keys(json, {"hidden_size",
                                     "num_hidden_layers",
                                     "num_attention_heads",
                                     "num_key_value_heads",
                                     "head_dim",
                                     "intermediate_size",
                                     "max_position_embeddings",
                                     "hidden_act",
                                     "rms_norm_eps",
                                     "rope_theta",
                                     "rope_scaling",
                                     "rope_parameters",
                                     "partial_rotary_factor",
                                     "attention_bias",
                                     "mlp_bias",
                                     "sliding_window",
                                     "use_sliding_window",
                                     "max_window_layers",
                                     "layer_types",
                                     "tie_word_embeddings",
                                     "is_llama_config"});
  return config;
}

model::ModelSpec Config::spec() const {
  model::ModelSpec spec = spec_without_layers();
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens.weight";
  spec.rotary = {{.theta = rope_theta, .head_dim = head_dim, .scaling = rope_scaling}};
  const auto norm = [&](const std::string& name) {
    return model::NormSpec{.name = name, .kind = nn::NormKind::kRms, .eps = rms_norm_eps};
  };
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    model::LayerSpec& layer = spec.layers.emplace_back();
    layer.attention_norm = norm(prefix + "input_layernorm");
    layer.attention = {.heads = heads,
                       .kv_heads = kv_heads,
                       .head_dim = head_dim,
                       .query = {attention + "q_proj", qkv_bias},
                       .key = {attention + "k_proj", qkv_bias},
                       .value = {attention + "v_proj", qkv_bias},
                       .output = {attention + "o_proj", output_bias},
                       .query_norm = {},
                       .key_norm = {},
                       .rotary = 0};
    if (window && windowed.at(i)) layer.attention.rule.window = window;
    if (qk_norm) {
      layer.attention.query_norm = norm(attention + "q_norm");
      layer.attention.key_norm = norm(attention + "k_norm");
    }
    layer.mlp_norm = norm(prefix + "post_attention_layernorm");
    layer.mlp = {.width = intermediate_size,
                 .activation = nn::Activation::kSwiglu,
                 .gate = model::LinearSpec{mlp + "gate_proj", mlp_bias},
                 .up = {mlp + "up_proj", mlp_bias},
                 .down = {mlp + "down_proj", mlp_bias}};
  }
  spec.final_norm = norm("model.norm");
  return spec;
}

namespace {

// A tied Llama with grouped queries, and an untied Qwen3 with biases everywhere.
std::vector<model::ModelSpec> examples() {
  Config config;
  config.model_type = "llama";
  families::make_small(config);
  Config other = config;
  other.model_type = "qwen3";
  other.kv_heads = 4;
  other.head_dim = 4;
  other.tied_embeddings = false;
  other.qk_norm = other.qkv_bias = other.output_bias = other.mlp_bias = true;
  return {config.spec(), other.spec()};
}

}  // namespace

families::Family family() {
  return {.model_types = {"llama", "mistral", "qwen2", "qwen3"},
          .read = [](const JsonObject& json) { return read_config(json).spec(); },
          .examples = examples};
}

}  // namespace incipit::llama
