#include "families/common_config.h"

#include "families/config_keys.h"

namespace incipit::families {

using model::JsonObject;

model::ModelSpec CommonConfig::spec_without_layers() const {
  model::ModelSpec spec;
  spec.model_type = model_type;
  spec.hidden_size = hidden_size;
  spec.vocab_size = vocab_size;
  spec.max_positions = max_positions;
  spec.stored_head = "lm_head.weight";
  if (!tied_embeddings) spec.head = spec.stored_head;
  spec.bos_token_id = bos_token_id;
  spec.eos_token_ids = eos_token_ids;
  spec.torch_dtype = torch_dtype;
  return spec;
}

void read_rotary_decoder(const JsonObject& json, std::int64_t head_dim, CommonConfig& config) {
  const auto count = [&](const char* key) { return json.integer(key, 1, kMostOfAnything); };
  config.hidden_size = count("hidden_size");
  config.layers = json.integer("num_hidden_layers", 1, kMostLayers);
  config.heads = count("num_attention_heads");
  config.kv_heads = json.has("num_key_value_heads") ? count("num_key_value_heads") : config.heads;
  config.intermediate_size = count("intermediate_size");
  config.vocab_size = count("vocab_size");
  config.max_positions = count("max_position_embeddings");
  if (config.heads % config.kv_heads != 0) {
    json.fail("num_key_value_heads", std::to_string(config.kv_heads) +
                                         " does not divide num_attention_heads, " +
                                         std::to_string(config.heads));
  }
  if (json.has("head_dim")) {
    config.head_dim = count("head_dim");
  } else if (head_dim > 0) {
    config.head_dim = head_dim;
  } else if (config.hidden_size % config.heads == 0) {
    config.head_dim = config.hidden_size / config.heads;
  } else {
    json.fail("head_dim", "is missing, and hidden_size " + std::to_string(config.hidden_size) +
                              " is no multiple of num_attention_heads " +
                              std::to_string(config.heads));
  }
  if (config.head_dim % 2 != 0) {
    json.fail("head_dim",
              "must be even for rotary positions, is " + std::to_string(config.head_dim));
  }
}

void read_ends(const JsonObject& json, bool tied_by_default, CommonConfig& config) {
  config.tied_embeddings = json.boolean_or("tie_word_embeddings", tied_by_default);
  read_special_tokens(json, config.bos_token_id, config.eos_token_ids);
  config.torch_dtype = stored_dtype(json);
}

void make_small(CommonConfig& config) {
  config.hidden_size = 24;
  config.layers = 3;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 6;
  config.intermediate_size = 40;
  config.vocab_size = 61;
  config.max_positions = 64;
  config.tied_embeddings = true;
}

}  // namespace incipit::families
