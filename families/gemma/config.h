// The Gemma family: RMS norms with an offset before and after attention and MLP, scaled embeddings,
// and layers that alternate between a sliding window and all positions. Gemma 2 (2024) caps scores
// and logits; Gemma 3 (2025) has norms of query and key heads, and different rotary frequencies in
// layers with a window.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "families/common_config.h"
#include "families/family.h"
#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::gemma {

struct Config : families::CommonConfig {
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000;
  double window_rope_theta = 10000;    // of layers with a window
  double query_pre_attn_scalar = 256;  // scores are divided by its square root
  std::optional<std::int64_t> window;  // of the layers in `windowed`
  std::vector<bool> windowed;          // by layer
  std::optional<double> attention_softcap;
  std::optional<double> logit_softcap;
  bool attention_bias = false;

  // Returns the architecture, with the names of its tensors.
  [[nodiscard]] model::ModelSpec spec() const;
};

// Reads a config.json. Throws DataError with the file and the key if it is wrong, or if the model
// needs a feature that the engine lacks, which the message names.
[[nodiscard]] Config read_config(const model::JsonObject& json);

// The family, for the registry (families/registry.h).
[[nodiscard]] families::Family family();

}  // namespace incipit::gemma
