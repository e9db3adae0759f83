#include "model/fsdp_layers.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "nn/collectives.h"

namespace incipit::model {
namespace {

using Matrices = std::vector<FsdpLinear*>;

FsdpLayers::BufferPair make_buffer_pair(const Matrices& layer) {
  FsdpLayers::BufferPair pair;
  for (auto& buffers : pair) {
    for (const FsdpLinear* matrix : layer) buffers.push_back(matrix->make_buffer());
  }
  return pair;
}

// Returns the buffers of one matrix of a layer.
FsdpLayers::BufferPair pair_of(const FsdpLayers::BufferPair& pair, std::size_t matrix) {
  return {std::vector{pair[0][matrix]}, std::vector{pair[1][matrix]}};
}

std::vector<Matrices> one_by_one(const FsdpModel::Pieces& pieces) {
  std::vector<Matrices> all;
  for (const auto& piece : pieces) all.push_back({piece.get()});
  return all;
}

}  // namespace

Range shard_rows(std::int64_t out, int ranks, int rank) {
  const std::int64_t share = (out + ranks - 1) / ranks;
  return {std::min(rank * share, out), std::min((rank + 1) * share, out)};
}

FsdpLinear::FsdpLinear(at::Tensor shard, std::int64_t out, at::Tensor bias,
                       comm::Communicator& ranks)
    : shard_(std::move(shard)), out_(out), bias_(std::move(bias)), ranks_(ranks) {
  if (!shard_.is_cpu() && ranks_.backend() != "nccl") {
    throw ConfigError("parallel.fsdp on GPUs needs parallel.backend: nccl, not " +
                      std::string(ranks_.backend()));
  }
}

const nn::Linear& FsdpLinear::whole() const {
  INCIPIT_CHECK(whole_, "a weight that was not all-gathered");
  return *whole_;
}

at::Tensor FsdpLinear::then_poll(at::Tensor result) const {
  if (after_matmul_) after_matmul_();
  return result;
}

at::Tensor FsdpLinear::forward(const at::Tensor& x) const { return then_poll(whole().forward(x)); }

at::Tensor FsdpLinear::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return then_poll(whole().forward_add(x, residual));
}

at::Tensor FsdpLinear::backward(const at::Tensor& grad) const {
  return then_poll(whole().backward(grad));
}

std::int64_t FsdpLinear::bytes() const {
  return static_cast<std::int64_t>(shard_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0));
}

std::vector<at::Tensor> FsdpLinear::stored() const {
  return bias_.defined() ? std::vector{shard_, bias_} : std::vector{shard_};
}

at::Tensor FsdpLinear::make_buffer() const {
  return at::empty({shard_.size(0) * ranks_.size(), shard_.size(1)}, shard_.options());
}

void FsdpLinear::start(const at::Tensor& buffer) {
  buffer_ = buffer.narrow(0, 0, shard_.size(0) * ranks_.size());
  pending_.emplace(
      ranks_.start_all_gather(nn::bytes_of(shard_), nn::bytes_of(buffer_), "weights of a layer"));
}

void FsdpLinear::finish() {
  if (!pending_) return;
  pending_->wait();
  pending_.reset();
  whole_ = nn::make_dense_linear(buffer_.narrow(0, 0, out_), bias_);
}

void FsdpLinear::drop() {
  whole_.reset();
  buffer_.reset();
}

void FsdpLinear::poll() const {
  if (pending_) pending_->poll();
}

FsdpLayers::FsdpLayers(std::vector<std::vector<FsdpLinear*>> layers, const BufferPair& pair)
    : layers_(std::move(layers)) {
  for (std::size_t s = 0; s < slots_.size(); ++s) slots_[s].buffers = pair[s];
  for (const auto& layer : layers_) {
    for (FsdpLinear* matrix : layer) matrix->set_poll([this] { poll(); });
  }
}

void FsdpLayers::drop(Slot& slot) {
  if (slot.layer < 0) return;
  for (FsdpLinear* matrix : layers_[slot.layer]) matrix->drop();
  slot.layer = -1;
}

void FsdpLayers::leave() {
  for (Slot& slot : slots_) drop(slot);
  coming_ = -1;
}

FsdpLayers::Slot* FsdpLayers::find(std::int64_t layer) {
  for (Slot& slot : slots_) {
    if (slot.layer == layer) return &slot;
  }
  return nullptr;
}

FsdpLayers::Slot& FsdpLayers::start(std::int64_t layer, Slot& slot) {
  drop(slot);
  slot.layer = layer;
  for (std::size_t m = 0; m < slot.buffers.size(); ++m) {
    layers_[layer][m]->start(slot.buffers[m]);
  }
  coming_ = layer;
  return slot;
}

void FsdpLayers::use(std::int64_t layer, Sweep sweep) {
  Slot* slot = find(layer);
  if (slot == nullptr) slot = &start(layer, other(*last_));
  for (FsdpLinear* matrix : layers_[layer]) matrix->finish();
  last_ = slot;
  const std::int64_t next = sweep == Sweep::kForward ? layer + 1 : layer - 1;
  if (next >= 0 && next < size() && find(next) == nullptr) start(next, other(*slot));
}

void FsdpLayers::poll() const {
  if (coming_ < 0) return;
  for (const FsdpLinear* matrix : layers_[coming_]) matrix->poll();
}

FsdpModel::FsdpModel(std::vector<Matrices> layers, std::size_t widest, Pieces embedding,
                     Pieces head)
    : buffer_pair_(make_buffer_pair(layers.front())),
      embedding_pieces_(std::move(embedding)),
      head_pieces_(std::move(head)),
      layers_(std::move(layers), buffer_pair_),
      embedding_(one_by_one(embedding_pieces_), pair_of(buffer_pair_, widest)) {
  if (head_pieces_.empty()) return;
  head_ = std::make_unique<FsdpLayers>(one_by_one(head_pieces_), pair_of(buffer_pair_, widest));
}

FsdpLayers& FsdpModel::turn_to(FsdpLayers& set) {
  if (current_ != nullptr && current_ != &set) current_->leave();
  current_ = &set;
  return set;
}

const FsdpLinear& FsdpModel::use_embedding(int piece) {
  turn_to(embedding_).use(piece, Sweep::kForward);
  return *embedding_pieces_[piece];
}

const FsdpLinear& FsdpModel::use_head(int piece) {
  if (!head_) return use_embedding(piece);
  turn_to(*head_).use(piece, Sweep::kForward);
  return *head_pieces_[piece];
}

std::int64_t FsdpModel::buffer_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& buffers : buffer_pair_) {
    for (const at::Tensor& buffer : buffers) bytes += static_cast<std::int64_t>(buffer.nbytes());
  }
  return bytes;
}

std::vector<at::Tensor> FsdpModel::stored_tables() const {
  std::vector<at::Tensor> stored;
  for (const Pieces* pieces : {&embedding_pieces_, &head_pieces_}) {
    for (const auto& piece : *pieces) {
      for (at::Tensor& shard : piece->stored()) stored.push_back(std::move(shard));
    }
  }
  return stored;
}

}  // namespace incipit::model
