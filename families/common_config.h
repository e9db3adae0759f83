// What the configurations of families have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::families {

struct CommonConfig {
  std::string model_type;
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  bool tied_embeddings = false;
  std::optional<std::int32_t> bos_token_id;
  std::vector<std::int32_t> eos_token_ids;
  std::string torch_dtype;  // as stored: float32, bfloat16, float16

  // Returns an architecture without layers and final norm, whose untied head is lm_head.weight.
  [[nodiscard]] model::ModelSpec spec_without_layers() const;
};

// Reads the sizes of a decoder with rotary positions: hidden_size, num_hidden_layers,
// num_attention_heads, num_key_value_heads (absent: as many as heads), head_dim (absent:
// `head_dim`; 0: a head's share of hidden_size), intermediate_size, vocab_size and
// max_position_embeddings. Throws DataError with file and key.
void read_rotary_decoder(const model::JsonObject& json, std::int64_t head_dim,
                         CommonConfig& config);

// Reads tie_word_embeddings, the special tokens and the dtype. Throws DataError with file and key.
void read_ends(const model::JsonObject& json, bool tied_by_default, CommonConfig& config);

// Sets the sizes of a model for tests, with a tied head.
void make_small(CommonConfig& config);

}  // namespace incipit::families
