// The kinds of parts that layers are made of. Without libtorch.
#pragma once

#include <cstdint>
#include <optional>

namespace incipit::nn {

enum class NormKind {
  kRms,    // x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019)
  kLayer,  // (x - mean(x)) / sqrt(var(x) + eps) * weight + bias (Ba et al. 2016)
};

enum class Activation {
  kSwiglu,    // silu(gate) * up (Shazeer 2020)
  kGeluTanh,  // GELU in its tanh approximation (Hendrycks and Gimpel 2016)
};

// Frequency scaling of Llama 3.1 ("rope_type": "llama3").
struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_positions = 8192;
};

// Rotary position embeddings (Su et al. 2021).
struct RotarySpec {
  double theta = 10000;
  std::int64_t head_dim = 0;  // even
  std::optional<Llama3RopeScaling> scaling;
};

}  // namespace incipit::nn
