// The frozen transformer, or this rank's part of it: its layers and their weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/forest.h"
#include "model/placement.h"
#include "model/spec.h"
#include "model/weight_files.h"
#include "nn/block.h"
#include "nn/rotary.h"
#include "nn/vocabulary.h"
#include "nn/weight_store.h"

namespace incipit::model {

class PassGraphs;

struct BackboneOptions {
  at::ScalarType dtype = at::kFloat;  // kFloat, kBFloat16; kDouble in tests
  at::Device device = at::kCPU;
};

class Backbone {
 public:
  // Loads this rank's part of a model from open files, which may be closed afterwards, and reads no
  // other bytes of its weights. The head is chosen and the files are checked by as_stored().
  // Throws DataError (file, tensor, reason), and ConfigError if the model cannot be split according
  // to `placement`. Not collective.
  [[nodiscard]] static Backbone load(const ModelSpec& spec, const WeightFiles& files,
                                     const BackboneOptions& options,
                                     const Placement& placement = {});

  // Returns this rank's part of a random model. Equal seeds give the same model, however it is
  // split. For tests and benchmarks.
  [[nodiscard]] static Backbone random(const ModelSpec& spec, std::uint64_t seed,
                                       const BackboneOptions& options,
                                       const Placement& placement = {});

  // Returns this rank's part without data, on the meta device (nn/meta_device.h).
  [[nodiscard]] static Backbone without_data(const ModelSpec& spec, at::ScalarType dtype,
                                             const Placement& placement = {});

  // The same from any source of tensors.
  Backbone(const ModelSpec& spec, const BackboneOptions& options, const Placement& placement,
           const nn::WeightSource& source);

  [[nodiscard]] const ModelSpec& spec() const { return spec_; }  // of the whole model
  [[nodiscard]] const Partition& partition() const { return partition_; }
  [[nodiscard]] const Placement& placement() const { return placement_; }
  [[nodiscard]] at::ScalarType dtype() const { return options_.dtype; }
  [[nodiscard]] at::Device device() const { return options_.device; }

  // The parts of this pipeline stage, in order. Their parameters can be read only while their
  // groups are in use (nn/weight_store.h); a pass announces forward_groups() or backward_groups().
  [[nodiscard]] const std::optional<nn::Embedding>& embedding() const { return embedding_; }
  [[nodiscard]] const std::vector<nn::Block>& blocks() const { return blocks_; }
  [[nodiscard]] const std::optional<nn::Head>& head() const { return head_; }
  [[nodiscard]] nn::WeightStore& weights() const { return *weights_; }
  // Sums the gradients of trained weights over the ranks that have parts of them
  // (nn/weight_store.h). Collective over the mesh.
  void sum_gradients(const comm::Mesh& mesh) const;
  // Whether another pipeline stage has the same table as the head of this one: the embedding of a
  // model that ties the two. Both stages have the same gradient after sum_gradients().
  [[nodiscard]] bool head_is_copy() const;

  // `scores_outputs`: with the head's table.
  [[nodiscard]] std::vector<int> forward_groups(bool scores_outputs = true) const;
  [[nodiscard]] std::vector<int> backward_groups(bool scores_outputs = true) const;

  // Returns rotary tables for positions [0, count), by index into ModelSpec::rotary.
  [[nodiscard]] std::vector<nn::ops::RotaryTable> rotary_tables(std::int64_t count) const;

  // Returns rows of the embedding table [ids, hidden] in float32 on the CPU, with the precision of
  // the backbone's dtype. For initialisers. Collective over the ranks of one copy of the model; all
  // of them get the rows.
  [[nodiscard]] at::Tensor embed(std::span<const TokenId> ids) const;

  // Lets passes run by graphs (model/pass_graphs.h), which read the weights where they are now.
  void set_graphs(std::shared_ptr<PassGraphs> graphs) { graphs_ = std::move(graphs); }
  [[nodiscard]] PassGraphs* graphs() const { return graphs_.get(); }  // or null

  // Bytes of the weights on this rank, including FSDP's buffers.
  [[nodiscard]] std::int64_t weight_bytes() const { return weights_->bytes(); }
  // Hash of the weights on this rank (SHA-256, hex). It depends on dtype and partition and reads
  // every byte. For tests: WeightFiles::fingerprint() identifies a model.
  [[nodiscard]] std::string weight_hash() const;

 private:
  friend class BackboneBuilder;

  ModelSpec spec_;
  BackboneOptions options_;
  Placement placement_;
  Partition partition_;
  std::unique_ptr<nn::WeightStore> weights_;
  std::optional<nn::Embedding> embedding_;
  std::vector<nn::Block> blocks_;
  std::optional<nn::Head> head_;
  std::vector<nn::Rotary> rotary_;
  std::shared_ptr<PassGraphs> graphs_;
};

}  // namespace incipit::model
