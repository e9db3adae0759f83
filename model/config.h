// The architecture of a decoder-only transformer, read from a Hugging Face config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace incipit::model {

// Rotary frequency scaling of Llama 3.1 ("rope_type": "llama3").
struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_positions = 8192;
};

struct TransformerConfig {
  std::string model_type;  // llama, mistral, qwen2, qwen3
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_embeddings = false;
  bool qkv_bias = false;     // Qwen2
  bool output_bias = false;  // Llama's attention_bias also adds one to the output projection
  bool mlp_bias = false;     // Llama's mlp_bias
  bool qk_norm = false;      // Qwen3: RMS norm of every query and key head
  std::optional<std::int32_t> bos_token_id;
  std::vector<std::int32_t> eos_token_ids;
  std::string torch_dtype;  // as stored: float32, bfloat16, float16

  [[nodiscard]] std::int64_t q_width() const { return heads * head_dim; }
  [[nodiscard]] std::int64_t kv_width() const { return kv_heads * head_dim; }
  [[nodiscard]] std::int64_t qkv_width() const { return q_width() + 2 * kv_width(); }
};

// Reads `model_dir`/config.json. Throws DataError with the file and the key if it is missing or
// wrong, or if the model needs a feature that the engine lacks, which the message names.
[[nodiscard]] TransformerConfig read_config(const std::filesystem::path& model_dir);

}  // namespace incipit::model
