// The weights of the frozen transformer, or of this rank's part of it. They are never written to.
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
#include "model/fsdp_layers.h"
#include "model/placement.h"
#include "model/weight_files.h"
#include "nn/linear.h"
#include "nn/ops.h"

namespace incipit::model {

// One layer's weights. Norm weights are float32 (float64 in a float64 backbone). Under tensor
// parallelism, all widths except the hidden size are this rank's (Backbone::local_config).
struct BlockWeights {
  at::Tensor attention_norm;            // [hidden]
  at::Tensor mlp_norm;                  // [hidden]
  at::Tensor query_norm;                // [head_dim] or undefined
  at::Tensor key_norm;                  // [head_dim] or undefined
  std::unique_ptr<nn::Linear> qkv;      // hidden -> q_width + 2 kv_width: queries, keys, values
  std::unique_ptr<nn::Linear> output;   // q_width -> hidden
  std::unique_ptr<nn::Linear> gate_up;  // hidden -> 2 intermediate: gate, up
  std::unique_ptr<nn::Linear> down;     // intermediate -> hidden
};

struct BackboneOptions {
  at::ScalarType dtype = at::kFloat;  // kFloat, kBFloat16; kDouble in tests
  at::Device device = at::kCPU;
};

class Backbone {
 public:
  // Loads this rank's part of a Hugging Face model folder, and reads no other bytes of its weights.
  // Throws DataError (file, tensor, reason), and ConfigError if the model cannot be split according
  // to `placement`. Not collective.
  [[nodiscard]] static Backbone load(const std::filesystem::path& model_dir,
                                     const BackboneOptions& options,
                                     const Placement& placement = {});
  // The same, from open files, which may be closed afterwards.
  [[nodiscard]] static Backbone load(const WeightFiles& files, const BackboneOptions& options,
                                     const Placement& placement = {});

  // Returns this rank's part of a random model. Equal seeds give the same model, however it is
  // split. For tests and benchmarks.
  [[nodiscard]] static Backbone random(const TransformerConfig& config, std::uint64_t seed,
                                       const BackboneOptions& options,
                                       const Placement& placement = {});

  [[nodiscard]] const TransformerConfig& config() const { return config_; }  // the whole model
  // The configuration with this rank's heads, key/value heads and intermediate size.
  [[nodiscard]] const TransformerConfig& local_config() const { return local_config_; }
  [[nodiscard]] const Partition& partition() const { return partition_; }
  [[nodiscard]] const Placement& placement() const { return placement_; }
  [[nodiscard]] at::ScalarType dtype() const { return options_.dtype; }
  [[nodiscard]] at::Device device() const { return options_.device; }

  // This rank's rows of the vocabulary, as chunks of consecutive token ids. Under FSDP the whole
  // vocabulary is split into chunks that fit the buffer of a layer's gate and up matrix; else this
  // rank's vocabulary is one chunk.
  [[nodiscard]] int piece_count() const;
  [[nodiscard]] Range piece(int index) const;
  // embedding(): a chunk's rows of the embedding table [ids, hidden], only if partition().embeds.
  // head(): a chunk's output head, hidden -> ids, column-parallel, only if partition().scores.
  // Under FSDP both are collective and, like layer(), valid until the chunk after the next is
  // requested; all ranks must request whole sweeps.
  [[nodiscard]] at::Tensor embedding(int piece) const;
  [[nodiscard]] const nn::Linear& head(int piece) const;
  // Layers of this pipeline stage, indexed from 0. Under FSDP this is collective: all ranks must
  // request whole sweeps, and a layer stays valid until the layer after the next is requested.
  [[nodiscard]] const BlockWeights& layer(std::int64_t layer, Sweep sweep) const;
  // Requests everything that a pass requests, without using it. Under FSDP a rank with nothing to
  // compute calls this while the others compute.
  void idle(Sweep sweep) const;
  [[nodiscard]] std::int64_t block_count() const {
    return static_cast<std::int64_t>(blocks_.size());
  }
  [[nodiscard]] const at::Tensor& final_norm() const { return final_norm_; }  // if scores
  // Returns rotary tables for positions [0, count), in float32 (float64 in a float64 backbone).
  [[nodiscard]] nn::ops::RotaryTable rotary_table(std::int64_t count) const;

  // Returns rows of the embedding table [ids, hidden] in float32 on the CPU, with the precision of
  // the backbone's dtype. For initialisers. Collective over the ranks of one copy of the model; all
  // of them get the rows.
  [[nodiscard]] at::Tensor embed(std::span<const TokenId> ids) const;

  // Bytes of the weights on this rank, including FSDP's buffers for FSDP layers.
  [[nodiscard]] std::int64_t weight_bytes() const;
  // Hash of the weights on this rank (SHA-256, hex). It depends on dtype and partition and reads
  // every byte. For tests: WeightFiles::fingerprint() identifies a model.
  [[nodiscard]] std::string weight_hash() const;

 private:
  Backbone() = default;
  [[nodiscard]] std::vector<at::Tensor> stored() const;
  friend class BackboneBuilder;

  TransformerConfig config_;
  TransformerConfig local_config_;
  BackboneOptions options_;
  Placement placement_;
  Partition partition_;
  at::Tensor embedding_;
  std::vector<BlockWeights> blocks_;
  std::unique_ptr<FsdpModel> fsdp_;  // FSDP; null: `embedding_` and `head_` are used
  at::Tensor final_norm_;
  std::unique_ptr<nn::Linear> head_;
  at::Tensor inverse_frequencies_;  // [head_dim / 2]
};

}  // namespace incipit::model
