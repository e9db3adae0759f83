#include "starcoder2.h"

#include <incipit/families/config_keys.h>

namespace own {
namespace {

using incipit::families::kMostOfAnything;
using incipit::model::JsonObject;
using incipit::model::ModelSpec;

struct Shape {
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t intermediate_size = 0;
};

// Adds the layers, with the names of their tensors.
void add_layers(ModelSpec& spec, const Shape& shape, double norm_eps, bool bias) {
  const auto norm = [&](const std::string& name) {
    return incipit::model::NormSpec{
        .name = name, .kind = incipit::nn::NormKind::kLayer, .eps = norm_eps};
  };
  const auto linear = [&](const std::string& name) {
    return incipit::model::LinearSpec{.name = name, .bias = bias};
  };
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    incipit::model::LayerSpec& layer = spec.layers.emplace_back();
    layer.attention_norm = norm(prefix + "input_layernorm");
    layer.attention.heads = shape.heads;
    layer.attention.kv_heads = shape.kv_heads;
    layer.attention.head_dim = shape.hidden_size / shape.heads;
    layer.attention.query = linear(prefix + "self_attn.q_proj");
    layer.attention.key = linear(prefix + "self_attn.k_proj");
    layer.attention.value = linear(prefix + "self_attn.v_proj");
    layer.attention.output = linear(prefix + "self_attn.o_proj");
    layer.attention.rotary = 0;
    layer.mlp_norm = norm(prefix + "post_attention_layernorm");
    layer.mlp.width = shape.intermediate_size;
    layer.mlp.activation = incipit::nn::Activation::kGeluTanh;
    layer.mlp.up = linear(prefix + "mlp.c_fc");
    layer.mlp.down = linear(prefix + "mlp.c_proj");
  }
  spec.hidden_size = shape.hidden_size;
  spec.final_norm = norm("model.norm");
}

ModelSpec decoder(const Shape& shape, double rope_theta, double norm_eps, bool bias) {
  ModelSpec spec;
  spec.model_type = "starcoder2";
  spec.base_prefix = "model.";
  spec.embedding = "model.embed_tokens.weight";
  spec.rotary = {{.theta = rope_theta, .head_dim = shape.hidden_size / shape.heads, .scaling = {}}};
  add_layers(spec, shape, norm_eps, bias);
  return spec;
}

// Since transformers 5, rope_theta is in rope_parameters.
double rope_theta(const JsonObject& json) {
  if (!json.has("rope_parameters")) return json.number_or("rope_theta", 10000);
  const JsonObject rope = json.object("rope_parameters");
  if (rope.text_or("rope_type", "default") != "default") {
    incipit::families::lacks(rope, "rope_type", "scaled rotary positions");
  }
  return incipit::families::positive(rope, "rope_theta");
}

ModelSpec read(const JsonObject& json) {
  incipit::families::refuse_quantized(json);
  if (json.has("sliding_window")) {
    incipit::families::lacks(json, "sliding_window", "a sliding window");
  }
  if (json.text_or("hidden_act", "gelu_pytorch_tanh") != "gelu_pytorch_tanh") {
    incipit::families::lacks(json, "hidden_act", "another activation than gelu_pytorch_tanh");
  }
  const auto count = [&](const char* key) { return json.integer(key, 1, kMostOfAnything); };
  const Shape shape{.hidden_size = count("hidden_size"),
                    .layers = count("num_hidden_layers"),
                    .heads = count("num_attention_heads"),
                    .kv_heads = count("num_key_value_heads"),
                    .intermediate_size = count("intermediate_size")};
  if (shape.hidden_size % shape.heads != 0 || shape.heads % shape.kv_heads != 0) {
    json.fail("num_attention_heads", "must divide hidden_size, and num_key_value_heads it");
  }
  ModelSpec spec = decoder(shape, rope_theta(json), json.number_or("norm_epsilon", 1e-5),
                           json.boolean_or("use_bias", true));
  spec.vocab_size = count("vocab_size");
  spec.max_positions = count("max_position_embeddings");
  if (!json.boolean_or("tie_word_embeddings", true)) spec.head = "lm_head.weight";
  incipit::families::read_special_tokens(json, spec.bos_token_id, spec.eos_token_ids);
  spec.torch_dtype = incipit::families::stored_dtype(json);
  return spec;
}

}  // namespace

incipit::families::Family starcoder2() {
  return {
      .model_types = {"starcoder2"}, .read = read, .examples = [] {
        ModelSpec small = decoder(
            {.hidden_size = 32, .layers = 3, .heads = 4, .kv_heads = 2, .intermediate_size = 40},
            10000, 1e-5, /*bias=*/true);
        small.vocab_size = 61;
        small.max_positions = 64;
        return std::vector{small};
      }};
}

}  // namespace own
