// A model of which each rank of a group holds a share of the rows of every matrix. A layer is
// gathered for use while the one before it computes, and dropped behind the next (ZeRO stage 3,
// Rajbhandari et al. 2020, of weights that are never written). The tables of the vocabulary go the
// same way, in pieces that use the room of layers: no more than two layers are there at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "comm/communicator.h"
#include "model/linear.h"
#include "model/partition.h"

namespace incipit::model {

// The order in which a pass uses the layers.
enum class Sweep { kForward, kBackward };

// The rows of a matrix of `out` rows that rank `rank` of `ranks` holds. All ranks but the last
// ones hold equally many.
[[nodiscard]] Range gathered_rows(std::int64_t out, int ranks, int rank);

// A weight that can be used only while it is gathered.
class GatheredLinear final : public Linear {
 public:
  // `shard` [rows, in], as many rows on every rank, is this rank's block of the weight's `out`
  // rows, with anything behind the last of them; `bias` is whole. `ranks` outlives it.
  GatheredLinear(at::Tensor shard, std::int64_t out, at::Tensor bias, comm::Communicator& ranks);

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override;
  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override;
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override;
  // Of what this rank holds all the time.
  [[nodiscard]] std::int64_t bytes() const override;
  [[nodiscard]] std::vector<at::Tensor> stored() const override;

  // The weight [out, in], while it is gathered.
  [[nodiscard]] at::Tensor weight() const { return buffer_.narrow(0, 0, out_); }

  // Room for all rows, for start().
  [[nodiscard]] at::Tensor make_buffer() const;
  // Starts to gather into `buffer`, which may be longer, then waits for it; drops it. start() and
  // finish() are collective.
  void start(const at::Tensor& buffer);
  void finish();
  void drop();
  void poll() const;
  // `behind_product` is called after every product.
  void set_poll(std::function<void()> behind_product) {
    behind_product_ = std::move(behind_product);
  }

 private:
  [[nodiscard]] const Linear& whole() const;
  [[nodiscard]] at::Tensor then_poll(at::Tensor result) const;

  at::Tensor shard_;
  std::int64_t out_;
  at::Tensor bias_;
  comm::Communicator& ranks_;
  at::Tensor buffer_;
  std::optional<comm::Pending> pending_;
  std::unique_ptr<Linear> whole_;
  std::function<void()> behind_product_;
};

// Layers, or pieces of a table, that are used one after the other.
class GatheredLayers {
 public:
  // Buffers for the matrices of each of the two that are there at a time.
  using Room = std::array<std::vector<at::Tensor>, 2>;

  // The matrices of each layer, in the same order and shapes; they outlive this.
  GatheredLayers(std::vector<std::vector<GatheredLinear*>> layers, const Room& room);
  GatheredLayers(const GatheredLayers&) = delete;
  GatheredLayers& operator=(const GatheredLayers&) = delete;

  // Makes a layer usable until the next but one is asked for, and starts on the one that `sweep`
  // needs next. Collective: all ranks ask for the same layers in the same order, whole sweeps of
  // them.
  void use(std::int64_t layer, Sweep sweep);
  // Leaves the room to others, behind a whole sweep.
  void leave();

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(layers_.size()); }

 private:
  struct Slot {
    std::int64_t layer = -1;  // -1: none
    std::vector<at::Tensor> buffers;
  };
  // The slot that holds the layer or is about to; null: none.
  [[nodiscard]] Slot* find(std::int64_t layer);
  Slot& start(std::int64_t layer, Slot& slot);
  void drop(Slot& slot);
  [[nodiscard]] Slot& other(const Slot& slot) {
    return &slot == &slots_[0] ? slots_[1] : slots_[0];
  }
  void poll() const;

  std::vector<std::vector<GatheredLinear*>> layers_;
  std::array<Slot, 2> slots_;
  Slot* last_ = &slots_[0];   // used last
  std::int64_t coming_ = -1;  // the layer that was started last
};

// All that the ranks of a group hold between them.
class GatheredModel {
 public:
  using Pieces = std::vector<std::unique_ptr<GatheredLinear>>;

  // Of each layer its matrices, which outlive this; `widest` is the one whose room pieces use: they
  // have no more rows. Without pieces of a head it is the embedding's.
  GatheredModel(std::vector<std::vector<GatheredLinear*>> layers, std::size_t widest,
                Pieces embedding, Pieces head);

  // Each makes something usable, as GatheredLayers::use; collective in the same way.
  void use_layer(std::int64_t layer, Sweep sweep) { turn_to(layers_).use(layer, sweep); }
  [[nodiscard]] const GatheredLinear& use_embedding(int piece);
  [[nodiscard]] const GatheredLinear& use_head(int piece);

  // Of the room, and of what this rank holds of the tables.
  [[nodiscard]] std::int64_t room_bytes() const;
  [[nodiscard]] std::vector<at::Tensor> stored_tables() const;

 private:
  GatheredLayers& turn_to(GatheredLayers& set);

  GatheredLayers::Room room_;
  Pieces embedding_pieces_;
  Pieces head_pieces_;
  GatheredLayers layers_;
  GatheredLayers embedding_;
  std::unique_ptr<GatheredLayers> head_;  // null: the embedding's
  GatheredLayers* current_ = nullptr;     // whose room it is
};

}  // namespace incipit::model
