// The Llama family: RMS norms, rotary positions, grouped-query attention and a SwiGLU MLP. Llama
// (Touvron et al. 2023), Mistral, Qwen2 and Qwen3 differ in biases and head norms.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "families/common_config.h"
#include "families/family.h"
#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::llama {

struct Config : families::CommonConfig {
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000;
  std::optional<nn::Llama3RopeScaling> rope_scaling;
  std::optional<std::int64_t> window;  // of the layers in `windowed`
  std::vector<bool> windowed;          // by layer, if there is a window
  bool qkv_bias = false;               // Qwen2
  bool output_bias = false;  // Llama's attention_bias also adds one to the output projection
  bool mlp_bias = false;     // Llama's mlp_bias
  bool qk_norm = false;      // Qwen3: RMS norm of every query and key head

  // Returns the architecture, with the names of its tensors.
  [[nodiscard]] model::ModelSpec spec() const;
};

// Reads a config.json. Throws DataError with the file and the key if it is wrong, or if the model
// needs a feature that the engine lacks, which the message names.
[[nodiscard]] Config read_config(const model::JsonObject& json);

// The family, for the registry (families/registry.h).
[[nodiscard]] families::Family family();

}  // namespace incipit::llama
