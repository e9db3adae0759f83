#include "families/gpt2/config.h"

#include "families/config_keys.h"
#include "families/other_keys.h"

namespace incipit::gpt2 {
namespace {

using families::kMostOfAnything;
using families::lacks;
using model::JsonObject;

constexpr const char* kModelType = "gpt2";

void read_shape(const JsonObject& json, Config& config) {
  const auto count = [&](const char* key) { return json.integer(key, 1, kMostOfAnything); };
  config.hidden_size = count("n_embd");
  config.layers = json.integer("n_layer", 1, families::kMostLayers);
  config.heads = count("n_head");
  config.vocab_size = count("vocab_size");
  config.max_positions = count("n_positions");
  config.intermediate_size = json.has("n_inner") ? count("n_inner") : 4 * config.hidden_size;
  if (config.hidden_size % config.heads != 0) {
    json.fail("n_head", std::to_string(config.heads) + " does not divide n_embd, " +
                            std::to_string(config.hidden_size));
  }
  config.kv_heads = config.heads;
  config.head_dim = config.hidden_size / config.heads;
}

void refuse_variants(const JsonObject& json) {
  const std::string activation = json.text_or("activation_function", "gelu_new");
  if (activation != "gelu_new" && activation != "gelu_pytorch_tanh") {
    json.fail("activation_function",
              "'" + activation + "' is not supported; supported: gelu_new, gelu_pytorch_tanh");
  }
  if (!json.boolean_or("scale_attn_weights", true)) {
    lacks(json, "scale_attn_weights", "attention without scaling by the size of a head");
  }
  if (json.boolean_or("scale_attn_by_inverse_layer_idx", false)) {
    lacks(json, "scale_attn_by_inverse_layer_idx", "attention scaled by the number of the layer");
  }
  if (json.boolean_or("add_cross_attention", false)) {
    lacks(json, "add_cross_attention", "cross-attention");
  }
}

}  // namespace

Config read_config(const JsonObject& json) {
  Config config;
  config.model_type = kModelType;
  families::refuse_quantized(json);
  refuse_variants(json);
  read_shape(json, config);
  if (json.has("layer_norm_epsilon")) {
    config.layer_norm_eps = families::positive(json, "layer_norm_epsilon");
  }
  families::read_ends(json, /*tied_by_default=*/true, config);
  families::refuse_other_keys(
      json,
      {"n_embd", "n_layer", "n_head", "n_positions", "n_ctx", "n_inner", "activation_function",
       "layer_norm_epsilon", "scale_attn_weights", "scale_attn_by_inverse_layer_idx",
       "reorder_and_upcast_attn", "add_cross_attention", "tie_word_embeddings"});
  return config;
}

model::ModelSpec Config::spec() const {
  model::ModelSpec spec = spec_without_layers();
  spec.base_prefix = "transformer.";
  spec.token_classifier = "classifier";
  spec.embedding = "transformer.wte.weight";
  spec.positions = "transformer.wpe.weight";
  const auto norm = [&](const std::string& name) {
    return model::NormSpec{.name = name, .kind = nn::NormKind::kLayer, .eps = layer_norm_eps};
  };
  const auto linear = [](const std::string& name) {
    return model::LinearSpec{.name = name, .bias = true, .transposed = true};
  };
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string prefix = "transformer.h." + std::to_string(i) + ".";
    // Queries, keys and values are stored as one map.
    const auto third = [&](std::int64_t index) {
      model::LinearSpec part = linear(prefix + "attn.c_attn");
      part.first = index * hidden_size;
      part.stored_outputs = 3 * hidden_size;
      return part;
    };
    model::LayerSpec& layer = spec.layers.emplace_back();
    layer.attention_norm = norm(prefix + "ln_1");
    layer.attention = {.heads = heads,
                       .kv_heads = kv_heads,
                       .head_dim = head_dim,
                       .query = third(0),
                       .key = third(1),
                       .value = third(2),
                       .output = linear(prefix + "attn.c_proj"),
                       .query_norm = {},
                       .key_norm = {}};
    layer.mlp_norm = norm(prefix + "ln_2");
    layer.mlp = {.width = intermediate_size,
                 .activation = nn::Activation::kGeluTanh,
                 .gate = {},
                 .up = linear(prefix + "mlp.c_fc"),
                 .down = linear(prefix + "mlp.c_proj")};
  }
  spec.final_norm = norm("transformer.ln_f");
  return spec;
}

families::Family family() {
  Config small;
  small.model_type = kModelType;
  families::make_small(small);
  small.kv_heads = small.heads;
  return {.model_types = {kModelType},
          .read = [](const JsonObject& json) { return read_config(json).spec(); },
          .examples = [small] { return std::vector{small.spec()}; }};
}

}  // namespace incipit::gpt2
