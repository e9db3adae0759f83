#include "model/gathered_layers.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/check.h"
#include "core/error.h"

namespace incipit::model {
namespace {

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
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

void GatheredLinear::start(at::Tensor buffer) {
  buffer_ = std::move(buffer);
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

GatheredLayers::GatheredLayers(std::vector<std::vector<GatheredLinear*>> layers)
    : layers_(std::move(layers)) {
  for (Slot& slot : slots_) {
    for (const GatheredLinear* matrix : layers_.front()) {
      slot.buffers.push_back(matrix->make_buffer());
    }
  }
  for (const auto& layer : layers_) {
    for (GatheredLinear* matrix : layer) matrix->set_poll([this] { poll(); });
  }
}

GatheredLayers::Slot* GatheredLayers::find(std::int64_t layer) {
  for (Slot& slot : slots_) {
    if (slot.layer == layer) return &slot;
  }
  return nullptr;
}

GatheredLayers::Slot& GatheredLayers::start(std::int64_t layer, Slot& slot) {
  if (slot.layer >= 0) {
    for (GatheredLinear* matrix : layers_[slot.layer]) matrix->drop();
  }
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

std::int64_t GatheredLayers::buffer_bytes() const {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots_) {
    for (const at::Tensor& buffer : slot.buffers)
      bytes += static_cast<std::int64_t>(buffer.nbytes());
  }
  return bytes;
}

void GatheredLayers::poll() const {
  if (coming_ < 0) return;
  for (const GatheredLinear* matrix : layers_[coming_]) matrix->poll();
}

}  // namespace incipit::model
