// The kinds of parts that layers are made of. Without libtorch.
#pragma once

#include <cstdint>
#include <optional>

namespace incipit::nn {

enum class NormKind {
  kRms,        // x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019)
  kRmsOffset,  // the same, with 1 + weight
  kLayer,      // (x - mean(x)) / sqrt(var(x) + eps) * weight + bias (Ba et al. 2016)
};

enum class Activation {
  kSwiglu,     // silu(gate) * up (Shazeer 2020)
  kGeluTanh,   // GELU in its tanh approximation (Hendrycks and Gimpel 2016)
  kGegluTanh,  // gelu(gate) * up, with the same approximation (Shazeer 2020)
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

// How the queries of a layer see keys, and what their scores become before the softmax.
struct AttentionRule {
  std::optional<double> scale{};  // of query x key; absent: 1 / sqrt(head_dim)
  // A query sees keys whose positions differ from its own by less than this; absent: all.
  std::optional<std::int64_t> window{};
  std::optional<double> softcap{};  // a score s becomes softcap * tanh(s / softcap)
  bool full = false;  // a query sees all rows of its segment; false: only those up to its own
};

}  // namespace incipit::nn
