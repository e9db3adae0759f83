#include "families/gemma/config.h"

#include <cmath>

#include "families/config_keys.h"
#include "families/other_keys.h"

namespace incipit::gemma {
namespace {

using families::kMostOfAnything;
using families::lacks;
using families::positive;
using model::JsonObject;

// Defaults of transformers.
constexpr std::int64_t kDefaultHeadDim = 256;
constexpr std::int64_t kDefaultWindow = 4096;
constexpr double kGemma2AttentionSoftcap = 50;
constexpr double kGemma2LogitSoftcap = 30;
constexpr double kGemma3Theta = 1e6;
constexpr std::int64_t kGemma2Period = 2;  // every second layer sees all positions
constexpr std::int64_t kGemma3Period = 6;

bool is_gemma2(const Config& config) { return config.model_type == "gemma2"; }

// Returns a softcap. An absent key means the default, null means none.
std::optional<double> softcap(const JsonObject& json, const char* key,
                              std::optional<double> fallback) {
  if (json.has(key)) return positive(json, key);
  return json.value().contains(key) ? std::nullopt : fallback;
}

void read_attention(const JsonObject& json, Config& config) {
  if (json.has("query_pre_attn_scalar")) {
    config.query_pre_attn_scalar = positive(json, "query_pre_attn_scalar");
  }
  config.attention_bias = json.boolean_or("attention_bias", false);
  config.attention_softcap =
      softcap(json, "attn_logit_softcapping",
              is_gemma2(config) ? std::optional(kGemma2AttentionSoftcap) : std::nullopt);
  config.logit_softcap =
      softcap(json, "final_logit_softcapping",
              is_gemma2(config) ? std::optional(kGemma2LogitSoftcap) : std::nullopt);
  if (!is_gemma2(config) && config.attention_softcap) {
    lacks(json, "attn_logit_softcapping", "a softcap of attention in this model type");
  }
  if (json.boolean_or("use_bidirectional_attention", false)) {
    lacks(json, "use_bidirectional_attention", "attention to later positions");
  }
}

void read_windows(const JsonObject& json, Config& config) {
  config.window = json.has("sliding_window") ? json.integer("sliding_window", 1, kMostOfAnything)
                                             : kDefaultWindow;
  if (json.has("layer_types")) {
    config.windowed = families::sliding_layers(json, config.layers);
    return;
  }
  std::int64_t period = is_gemma2(config) ? kGemma2Period : kGemma3Period;
  if (!is_gemma2(config) && json.has("sliding_window_pattern")) {
    period = json.integer("sliding_window_pattern", 1, kMostOfAnything);
  }
  for (std::int64_t i = 0; i < config.layers; ++i) config.windowed.push_back((i + 1) % period != 0);
}

double read_theta(const JsonObject& rope, double fallback) {
  const char* type_key = rope.has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.text_or(type_key, "default");
  if (type != "default") {
    rope.fail(type_key, "'" + type + "' is not supported; supported: default");
  }
  return rope.has("rope_theta") ? positive(rope, "rope_theta") : fallback;
}

// Old files have rope_theta, in Gemma 3 also rope_local_base_freq. Since transformers 5, it is in
// rope_parameters, in Gemma 3 by kind of layer.
void read_rope(const JsonObject& json, Config& config) {
  if (!is_gemma2(config)) config.rope_theta = kGemma3Theta;
  if (json.has("rope_theta")) config.rope_theta = positive(json, "rope_theta");
  if (json.has("rope_local_base_freq")) {
    config.window_rope_theta = positive(json, "rope_local_base_freq");
  }
  if (json.has("rope_scaling")) {
    config.rope_theta = read_theta(json.object("rope_scaling"), config.rope_theta);
  }
  if (json.has("rope_parameters")) {
    const JsonObject rope = json.object("rope_parameters");
    if (is_gemma2(config)) {
      config.rope_theta = read_theta(rope, config.rope_theta);
    } else {
      const auto of = [&](const char* kind, double fallback) {
        return rope.has(kind) ? read_theta(rope.object(kind), fallback) : fallback;
      };
      config.rope_theta = of("full_attention", config.rope_theta);
      config.window_rope_theta = of("sliding_attention", config.window_rope_theta);
    }
  }
  if (is_gemma2(config)) config.window_rope_theta = config.rope_theta;
}

void read_activation(const JsonObject& json) {
  const char* key = json.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  const std::string activation = json.text_or(key, "gelu_pytorch_tanh");
  if (activation != "gelu_pytorch_tanh") {
    json.fail(key, "'" + activation + "' is not supported; supported: gelu_pytorch_tanh");
  }
}

}  // namespace

Config read_config(const JsonObject& json) {
  Config config;
  config.model_type = json.text("model_type");
  families::refuse_quantized(json);
  read_activation(json);
  families::read_rotary_decoder(json, kDefaultHeadDim, config);
  read_attention(json, config);
  read_windows(json, config);
  read_rope(json, config);
  if (json.has("rms_norm_eps")) config.rms_norm_eps = positive(json, "rms_norm_eps");
  families::read_ends(json, /*tied_by_default=*/true, config);
  families::refuse_other_keys(json, {"hidden_size",
                                     "num_hidden_layers",
                                     "num_attention_heads",
                                     "num_key_value_heads",
                                     "head_dim",
                                     "intermediate_size",
                                     "max_position_embeddings",
                                     "hidden_act",
                                     "hidden_activation",
                                     "query_pre_attn_scalar",
                                     "attention_bias",
                                     "attn_logit_softcapping",
                                     "final_logit_softcapping",
                                     "use_bidirectional_attention",
                                     "sliding_window",
                                     "sliding_window_pattern",
                                     "layer_types",
                                     "rope_theta",
                                     "rope_local_base_freq",
                                     "rope_scaling",
                                     "rope_parameters",
                                     "rms_norm_eps",
                                     "tie_word_embeddings"});
  return config;
}

namespace {

model::LayerSpec layer_spec(const Config& config, std::int64_t number) {
  const std::string prefix = "model.layers." + std::to_string(number) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const auto norm = [&](const std::string& name) {
    return model::NormSpec{
        .name = name, .kind = nn::NormKind::kRmsOffset, .eps = config.rms_norm_eps};
  };
  const auto linear = [&](const std::string& name) {
    return model::LinearSpec{.name = attention + name, .bias = config.attention_bias};
  };
  const bool windowed = config.windowed.at(number);
  model::LayerSpec layer;
  layer.attention_norm = norm(prefix + "input_layernorm");
  layer.attention = {.heads = config.heads,
                     .kv_heads = config.kv_heads,
                     .head_dim = config.head_dim,
                     .query = linear("q_proj"),
                     .key = linear("k_proj"),
                     .value = linear("v_proj"),
                     .output = linear("o_proj"),
                     .query_norm = {},
                     .key_norm = {},
                     .rotary = windowed ? 1 : 0,
                     .rule = {.scale = 1 / std::sqrt(config.query_pre_attn_scalar),
                              .window = windowed ? config.window : std::nullopt,
                              .softcap = config.attention_softcap}};
  if (!is_gemma2(config)) {
    layer.attention.query_norm = norm(attention + "q_norm");
    layer.attention.key_norm = norm(attention + "k_norm");
  }
  layer.attention_post_norm = norm(prefix + "post_attention_layernorm");
  layer.mlp_norm = norm(prefix + "pre_feedforward_layernorm");
  layer.mlp = {.width = config.intermediate_size,
               .activation = nn::Activation::kGegluTanh,
               .gate = model::LinearSpec{mlp + "gate_proj"},
               .up = {mlp + "up_proj"},
               .down = {mlp + "down_proj"}};
  layer.mlp_post_norm = norm(prefix + "post_feedforward_layernorm");
  return layer;
}

}  // namespace

model::ModelSpec Config::spec() const {
  model::ModelSpec spec = spec_without_layers();
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens.weight";
  spec.embedding_scale = std::sqrt(static_cast<double>(hidden_size));
  spec.rotary = {{.theta = rope_theta, .head_dim = head_dim, .scaling = {}},
                 {.theta = window_rope_theta, .head_dim = head_dim, .scaling = {}}};
  for (std::int64_t i = 0; i < layers; ++i) spec.layers.push_back(layer_spec(*this, i));
  spec.final_norm = {.name = "model.norm", .kind = nn::NormKind::kRmsOffset, .eps = rms_norm_eps};
  spec.logit_softcap = logit_softcap;
  return spec;
}

namespace {

// A Gemma 2 with its softcaps, and a Gemma 3 with head norms and two rotary tables.
std::vector<model::ModelSpec> examples() {
  Config config;
  config.model_type = "gemma2";
  families::make_small(config);
  config.query_pre_attn_scalar = 10;
  config.window = 4;
  config.windowed = {true, false, true};
  config.attention_softcap = 2;
  config.logit_softcap = 5;
  Config other = config;
  other.model_type = "gemma3_text";
  other.rope_theta = 1000;
  other.windowed = {true, true, false};
  other.attention_softcap = other.logit_softcap = std::nullopt;
  return {config.spec(), other.spec()};
}

}  // namespace

families::Family family() {
  return {.model_types = {"gemma2", "gemma3_text"},
          .read = [](const JsonObject& json) { return read_config(json).spec(); },
          .examples = examples};
}

}  // namespace incipit::gemma
