// The frozen transformer, or this rank's part of it: its weights, ready to run. It is never
// written to.
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
#include "model/gathered_layers.h"
#include "model/linear.h"
#include "model/ops.h"
#include "model/placement.h"
#include "model/weight_files.h"

namespace incipit::model {

// One layer's weights. Norm weights are float32 (float64 in a float64 backbone). Where a layer is
// split over ranks, widths but the hidden one are this rank's (Backbone::local_config).
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
  // Loads this rank's part of a Hugging Face model folder and reads no other bytes of its
  // weights. Throws DataError (file, tensor, reason); ConfigError when the model cannot be
  // split as `placement` says. Not collective.
  [[nodiscard]] static Backbone load(const std::filesystem::path& model_dir,
                                     const BackboneOptions& options,
                                     const Placement& placement = {});
  // The same from files that are open already and may be closed afterwards.
  [[nodiscard]] static Backbone load(const WeightFiles& files, const BackboneOptions& options,
                                     const Placement& placement = {});

  // This rank's part of a random model: equal seeds give parts of the same model, however it is
  // split. For tests and benchmarks.
  [[nodiscard]] static Backbone random(const TransformerConfig& config, std::uint64_t seed,
                                       const BackboneOptions& options,
                                       const Placement& placement = {});

  [[nodiscard]] const TransformerConfig& config() const { return config_; }  // the whole model
  // As this rank's blocks see it: heads, key/value heads and intermediate width are its own.
  [[nodiscard]] const TransformerConfig& local_config() const { return local_config_; }
  [[nodiscard]] const Partition& partition() const { return partition_; }
  [[nodiscard]] const Placement& placement() const { return placement_; }
  [[nodiscard]] at::ScalarType dtype() const { return options_.dtype; }
  [[nodiscard]] at::Device device() const { return options_.device; }

  // This rank's rows of the vocabulary, in runs of token ids: one, or where ranks hold the model
  // between them as many as the room of a layer makes of the whole vocabulary.
  [[nodiscard]] int piece_count() const;
  [[nodiscard]] Range piece(int index) const;
  // Of a piece the rows of the embedding table [ids, hidden], only where partition().embeds, and
  // the head: hidden -> ids, column-parallel, only where partition().scores. As layer(), ready
  // until the next but one piece is asked for, and asked for in whole sweeps.
  [[nodiscard]] at::Tensor embedding(int piece) const;
  [[nodiscard]] const Linear& head(int piece) const;
  // This rank's layers, counted from its first, ready for use until the next but one is asked
  // for. Where ranks hold the layers between them, collective: all of them ask for whole sweeps.
  [[nodiscard]] const BlockWeights& layer(std::int64_t layer, Sweep sweep) const;
  // Asks for all that a pass asks for, without using it: the part of a rank that has nothing to
  // compute while others have.
  void idle(Sweep sweep) const;
  [[nodiscard]] std::int64_t block_count() const { return static_cast<std::int64_t>(blocks_.size()); }
  [[nodiscard]] const at::Tensor& final_norm() const { return final_norm_; }  // where scores
  // Rotary tables for positions [0, count), float32 (float64 in a float64 backbone).
  [[nodiscard]] ops::RotaryTable rotary_table(std::int64_t count) const;

  // Rows of the embedding table as float32 on the CPU [ids, hidden], rounded as the backbone keeps
  // them: for initialisers. Collective over the ranks that hold the model together, each of
  // which gets the rows.
  [[nodiscard]] at::Tensor embed(std::span<const TokenId> ids) const;

  // Bytes of the weights held here, the room for gathered layers included, and a hash of them
  // (SHA-256, hex). The hash changes with dtype and partition and reads every byte: for tests
  // (WeightFiles::fingerprint names a model).
  [[nodiscard]] std::int64_t weight_bytes() const;
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
  std::unique_ptr<GatheredModel> gathered_;  // null: weights are held, and none of these below:
  at::Tensor final_norm_;
  std::unique_ptr<Linear> head_;
  at::Tensor inverse_frequencies_;  // [head_dim / 2]
};

}  // namespace incipit::model
