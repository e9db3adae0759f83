#include "model/gathered_layers.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "model/collectives.h"

namespace incipit::model {
namespace {

using Matrices = std::vector<GatheredLinear*>;

GatheredLayers::Room make_room(const Matrices& layer) {
  GatheredLayers::Room room;
  for (auto& buffers : room) {
    for (const GatheredLinear* matrix : layer) buffers.push_back(matrix->make_buffer());
  }
  return room;
}

// Returns the buffers of one matrix of a layer.
GatheredLayers::Room room_of(const GatheredLayers::Room& room, std::size_t matrix) {
  return {std::vector{room[0][matrix]}, std::vector{room[1][matrix]}};
}

std::vector<Matrices> one_by_one(const GatheredModel::Pieces& pieces) {
  std::vector<Matrices> all;
  for (const auto& piece : pieces) all.push_back({piece.get()});
  return all;
}

}  // namespace

Range gathered_rows(std::int64_t out, int ranks, int rank) {
  const std::int64_t share = (out + ranks - 1) / ranks;
  return {std::min(rank * share, out), std::min((rank + 1) * share, out)};
}

GatheredLinear::GatheredLinear(at::Tensor shard, std::int64_t out, at::Tensor bias,
                               comm::Communicator& ranks)
    : shard_(std::move(shard)), out_(out), bias_(std::move(bias)), ranks_(ranks) {
  if (!shard_.is_cpu() && ranks_.backend() != "nccl") {
    throw ConfigError("parallel.gathered on GPUs needs parallel.backend: nccl, not " +
                      std::string(ranks_.backend()));
  }
}

const Linear& GatheredLinear::whole() const {
  INCIPIT_CHECK(whole_, "a weight that was not gathered");
  return *whole_;
}

at::Tensor GatheredLinear::then_poll(at::Tensor result) const {
  if (behind_product_) behind_product_();
  return result;
}

at::Tensor GatheredLinear::forward(const at::Tensor& x) const {
  return then_poll(whole().forward(x));
}

at::Tensor GatheredLinear::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return then_poll(whole().forward_add(x, residual));
}

at::Tensor GatheredLinear::backward(const at::Tensor& grad) const {
  return then_poll(whole().backward(grad));
}

std::int64_t GatheredLinear::bytes() const {
  return static_cast<std::int64_t>(shard_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0));
}

std::vector<at::Tensor> GatheredLinear::stored() const {
  return bias_.defined() ? std::vector{shard_, bias_} : std::vector{shard_};
}

at::Tensor GatheredLinear::make_buffer() const {
  return at::empty({shard_.size(0) * ranks_.size(), shard_.size(1)}, shard_.options());
}

void GatheredLinear::start(const at::Tensor& buffer) {
  buffer_ = buffer.narrow(0, 0, shard_.size(0) * ranks_.size());
  pending_.emplace(
      ranks_.start_all_gather(bytes_of(shard_), bytes_of(buffer_), "weights of a layer"));
}

void GatheredLinear::finish() {
  if (!pending_) return;
  pending_->wait();
  pending_.reset();
  whole_ = make_dense_linear(buffer_.narrow(0, 0, out_), bias_);
}

void GatheredLinear::drop() {
  whole_.reset();
  buffer_.reset();
}

void GatheredLinear::poll() const {
  if (pending_) pending_->poll();
}

GatheredLayers::GatheredLayers(std::vector<std::vector<GatheredLinear*>> layers, const Room& room)
    : layers_(std::move(layers)) {
  for (std::size_t s = 0; s < slots_.size(); ++s) slots_[s].buffers = room[s];
  for (const auto& layer : layers_) {
    for (GatheredLinear* matrix : layer) matrix->set_poll([this] { poll(); });
  }
}

void GatheredLayers::drop(Slot& slot) {
  if (slot.layer < 0) return;
  for (GatheredLinear* matrix : layers_[slot.layer]) matrix->drop();
  slot.layer = -1;
}

void GatheredLayers::leave() {
  for (Slot& slot : slots_) drop(slot);
  coming_ = -1;
}

GatheredLayers::Slot* GatheredLayers::find(std::int64_t layer) {
  for (Slot& slot : slots_) {
    if (slot.layer == layer) return &slot;
  }
  return nullptr;
}

GatheredLayers::Slot& GatheredLayers::start(std::int64_t layer, Slot& slot) {
  drop(slot);
  slot.layer = layer;
  for (std::size_t m = 0; m < slot.buffers.size(); ++m) {
    layers_[layer][m]->start(slot.buffers[m]);
  }
  coming_ = layer;
  return slot;
}

void GatheredLayers::use(std::int64_t layer, Sweep sweep) {
  Slot* slot = find(layer);
  if (slot == nullptr) slot = &start(layer, other(*last_));
  for (GatheredLinear* matrix : layers_[layer]) matrix->finish();
  last_ = slot;
  const std::int64_t next = sweep == Sweep::kForward ? layer + 1 : layer - 1;
  if (next >= 0 && next < size() && find(next) == nullptr) start(next, other(*slot));
}

void GatheredLayers::poll() const {
  if (coming_ < 0) return;
  for (const GatheredLinear* matrix : layers_[coming_]) matrix->poll();
}

GatheredModel::GatheredModel(std::vector<Matrices> layers, std::size_t widest, Pieces embedding,
                             Pieces head)
    : room_(make_room(layers.front())),
      embedding_pieces_(std::move(embedding)),
      head_pieces_(std::move(head)),
      layers_(std::move(layers), room_),
      embedding_(one_by_one(embedding_pieces_), room_of(room_, widest)) {
  if (head_pieces_.empty()) return;
  head_ = std::make_unique<GatheredLayers>(one_by_one(head_pieces_), room_of(room_, widest));
}

GatheredLayers& GatheredModel::turn_to(GatheredLayers& set) {
  if (current_ != nullptr && current_ != &set) current_->leave();
  current_ = &set;
  return set;
}

const GatheredLinear& GatheredModel::use_embedding(int piece) {
  turn_to(embedding_).use(piece, Sweep::kForward);
  return *embedding_pieces_[piece];
}

const GatheredLinear& GatheredModel::use_head(int piece) {
  if (!head_) return use_embedding(piece);
  turn_to(*head_).use(piece, Sweep::kForward);
  return *head_pieces_[piece];
}

std::int64_t GatheredModel::room_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& buffers : room_) {
    for (const at::Tensor& buffer : buffers) bytes += static_cast<std::int64_t>(buffer.nbytes());
  }
  return bytes;
}

std::vector<at::Tensor> GatheredModel::stored_tables() const {
  std::vector<at::Tensor> stored;
  for (const Pieces* pieces : {&embedding_pieces_, &head_pieces_}) {
    for (const auto& piece : *pieces) {
      for (at::Tensor& shard : piece->stored()) stored.push_back(std::move(shard));
    }
  }
  return stored;
}

}  // namespace incipit::model
