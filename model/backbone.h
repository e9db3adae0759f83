// The frozen transformer: its weights, ready to run. It is never written to.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/forest.h"
#include "model/config.h"
#include "model/linear.h"
#include "model/ops.h"

namespace incipit::model {

// One layer's weights. Norm weights are float32 (float64 in a float64 backbone).
struct BlockWeights {
  at::Tensor attention_norm;  // [hidden]
  at::Tensor mlp_norm;        // [hidden]
  at::Tensor query_norm;      // [head_dim] or undefined
  at::Tensor key_norm;        // [head_dim] or undefined
  std::unique_ptr<Linear> qkv;      // hidden -> q_width + 2 kv_width: queries, keys, values
  std::unique_ptr<Linear> output;   // q_width -> hidden
  std::unique_ptr<Linear> gate_up;  // hidden -> 2 intermediate: gate, up
  std::unique_ptr<Linear> down;     // intermediate -> hidden
};

struct BackboneOptions {
  at::ScalarType dtype = at::kFloat;  // kFloat, kBFloat16; kDouble in tests
  at::Device device = at::kCPU;
};

class Backbone {
 public:
  // Loads a Hugging Face model folder. Throws DataError (file, tensor, reason).
  [[nodiscard]] static Backbone load(const std::filesystem::path& model_dir,
                                     const BackboneOptions& options);

  // A small random model for tests.
  [[nodiscard]] static Backbone random(const TransformerConfig& config, std::uint64_t seed,
                                       const BackboneOptions& options);

  [[nodiscard]] const TransformerConfig& config() const { return config_; }
  [[nodiscard]] at::ScalarType dtype() const { return embedding_.scalar_type(); }
  [[nodiscard]] at::Device device() const { return embedding_.device(); }

  [[nodiscard]] const at::Tensor& embedding() const { return embedding_; }  // [vocab, hidden]
  [[nodiscard]] const BlockWeights& block(std::int64_t layer) const { return blocks_[layer]; }
  [[nodiscard]] std::int64_t block_count() const { return static_cast<std::int64_t>(blocks_.size()); }
  [[nodiscard]] const at::Tensor& final_norm() const { return final_norm_; }
  [[nodiscard]] const Linear& head() const { return *head_; }  // hidden -> vocab
  // Rotary tables for positions [0, count), float32 (float64 in a float64 backbone).
  [[nodiscard]] ops::RotaryTable rotary_table(std::int64_t count) const;

  // Rows of the embedding table as float32 on the CPU [ids, hidden]: for initialisers.
  [[nodiscard]] at::Tensor embed(std::span<const TokenId> ids) const;

  // Bytes of all weights held, and a hash of them (SHA-256, hex): for manifests and tests.
  [[nodiscard]] std::int64_t weight_bytes() const;
  [[nodiscard]] std::string weight_hash() const;

 private:
  Backbone() = default;
  friend class BackboneBuilder;

  TransformerConfig config_;
  at::Tensor embedding_;
  std::vector<BlockWeights> blocks_;
  at::Tensor final_norm_;
  std::unique_ptr<Linear> head_;
  at::Tensor inverse_frequencies_;  // [head_dim / 2]
};

}  // namespace incipit::model
