// FSDP (`parallel.fsdp`): each rank of a group has a shard of the rows of every matrix. A layer
// is all-gathered while the previous one computes, and dropped after the next one (ZeRO stage 3,
// Rajbhandari et al. 2020, for weights that are never written). The vocabulary tables are
// all-gathered in the same way, in chunks that use the buffers of layers. There are buffers for two
// layers.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "comm/communicator.h"
#include "model/partition.h"
#include "nn/linear.h"

namespace incipit::model {

// The order in which a pass uses layers.
enum class Sweep { kForward, kBackward };

// Returns the rows of rank `rank` of `ranks`, of a matrix of `out` rows. All ranks have equally
// many rows, except the last ones.
[[nodiscard]] Range shard_rows(std::int64_t out, int ranks, int rank);

// A sharded weight that can be used only while it is all-gathered.
class FsdpLinear final : public nn::Linear {
 public:
  // `shard` [rows, in] is this rank's block of the weight's `out` rows. It has equally many rows on
  // every rank; rows beyond `out` may have any values. `bias` is not sharded. `ranks` must outlive
  // the object.
  FsdpLinear(at::Tensor shard, std::int64_t out, at::Tensor bias, comm::Communicator& ranks);

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override;
  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override;
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override;
  // Bytes of what this rank stores permanently.
  [[nodiscard]] std::int64_t bytes() const override;
  [[nodiscard]] std::vector<at::Tensor> stored() const override;

  // Returns the weight [out, in]. Valid while it is all-gathered.
  [[nodiscard]] at::Tensor weight() const { return buffer_.narrow(0, 0, out_); }

  // Allocates a buffer for all rows, for start().
  [[nodiscard]] at::Tensor make_buffer() const;
  // Starts gathering into `buffer`, which may have more rows. Collective.
  void start(const at::Tensor& buffer);
  // Waits until the weight is all-gathered. Collective.
  void finish();
  // Stops using the buffer. The weight is no longer fsdp.
  void drop();
  void poll() const;
  // Sets a function to call after every matmul.
  void set_poll(std::function<void()> after_matmul) { after_matmul_ = std::move(after_matmul); }

 private:
  [[nodiscard]] const nn::Linear& whole() const;
  [[nodiscard]] at::Tensor then_poll(at::Tensor result) const;

  at::Tensor shard_;
  std::int64_t out_;
  at::Tensor bias_;
  comm::Communicator& ranks_;
  at::Tensor buffer_;
  std::optional<comm::Pending> pending_;
  std::unique_ptr<nn::Linear> whole_;
  std::function<void()> after_matmul_;
};

// Layers, or chunks of a table, that are used one after the other.
class FsdpLayers {
 public:
  // Buffers for the matrices of two layers.
  using BufferPair = std::array<std::vector<at::Tensor>, 2>;

  // `layers` are the matrices of each layer, in the same order and with the same shapes. They must
  // outlive the object.
  FsdpLayers(std::vector<std::vector<FsdpLinear*>> layers, const BufferPair& pair);
  FsdpLayers(const FsdpLayers&) = delete;
  FsdpLayers& operator=(const FsdpLayers&) = delete;

  // Gathers a layer, which stays valid until the layer after the next is requested, and starts
  // gathering the layer that `sweep` needs next. Collective: all ranks request the same layers in
  // the same order, in whole sweeps.
  void use(std::int64_t layer, Sweep sweep);
  // Drops all layers, so that others can use the buffers. Call after a whole sweep.
  void leave();

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(layers_.size()); }

 private:
  struct Slot {
    std::int64_t layer = -1;  // -1: none
    std::vector<at::Tensor> buffers;
  };
  // Returns the slot in which the layer is or is being fsdp, or null.
  [[nodiscard]] Slot* find(std::int64_t layer);
  Slot& start(std::int64_t layer, Slot& slot);
  void drop(Slot& slot);
  [[nodiscard]] Slot& other(const Slot& slot) {
    return &slot == &slots_[0] ? slots_[1] : slots_[0];
  }
  void poll() const;

  std::vector<std::vector<FsdpLinear*>> layers_;
  std::array<Slot, 2> slots_;
  Slot* last_ = &slots_[0];   // most recently used
  std::int64_t coming_ = -1;  // the layer whose gathering was started last
};

// All weights that are sharded over a group of ranks.
class FsdpModel {
 public:
  using Pieces = std::vector<std::unique_ptr<FsdpLinear>>;

  // `layers` are the matrices of each layer, which must outlive the object. Chunks of the
  // vocabulary tables use the buffer of matrix `widest` and have no more rows than it. Without
  // `head`, the head is the embedding table.
  FsdpModel(std::vector<std::vector<FsdpLinear*>> layers, std::size_t widest, Pieces embedding,
            Pieces head);

  // Gather a layer or a chunk, like FsdpLayers::use(), and collective in the same way.
  void use_layer(std::int64_t layer, Sweep sweep) { turn_to(layers_).use(layer, sweep); }
  [[nodiscard]] const FsdpLinear& use_embedding(int piece);
  [[nodiscard]] const FsdpLinear& use_head(int piece);

  // Bytes of the buffers.
  [[nodiscard]] std::int64_t buffer_bytes() const;
  // This rank's shards of the vocabulary tables.
  [[nodiscard]] std::vector<at::Tensor> stored_tables() const;

 private:
  FsdpLayers& turn_to(FsdpLayers& set);

  FsdpLayers::BufferPair buffer_pair_;
  Pieces embedding_pieces_;
  Pieces head_pieces_;
  FsdpLayers layers_;
  FsdpLayers embedding_;
  std::unique_ptr<FsdpLayers> head_;  // null: the embedding is used
  FsdpLayers* current_ = nullptr;     // the one that is using the buffers
};

}  // namespace incipit::model
