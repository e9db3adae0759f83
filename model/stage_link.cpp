#include "model/stage_link.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "core/error.h"
#include "nn/collectives.h"

namespace incipit::model {
namespace {

constexpr int kTag = 0;
constexpr comm::Operation kActivations = "activations";
constexpr comm::Operation kGradients = "gradients of activations";

at::Device transfer_device(const Backbone& backbone) {
  return backbone.placement().pipeline->accepts_device_memory() ? backbone.device()
                                                                : at::Device(at::kCPU);
}

}  // namespace

int StageLink::previous() const { return backbone_->placement().pipeline->rank() - 1; }

int StageLink::next() const {
  const comm::Communicator& stages = *backbone_->placement().pipeline;
  return stages.rank() + 1 < stages.size() ? stages.rank() + 1 : -1;
}

at::Tensor StageLink::allocate(std::int64_t rows) const {
  return at::empty({rows, backbone_->spec().hidden_size},
                   at::TensorOptions(backbone_->dtype()).device(transfer_device(*backbone_)));
}

at::Tensor StageLink::for_transfer(const at::Tensor& values) const {
  return values.to(transfer_device(*backbone_)).contiguous();
}

at::Tensor StageLink::receive(int from, std::int64_t rows, comm::Operation purpose) const {
  if (from < 0) return {};
  const at::Tensor values = allocate(rows);
  backbone_->placement().pipeline->recv(nn::bytes_of(values), from, kTag, purpose);
  return values.to(backbone_->device());
}

StageLink::~StageLink() {
  try {
    finish_sending();
  } catch (const CommError&) {
    // The communicators are marked as broken: the next operation reports it.
  }
}

void StageLink::finish_sending() {
  if (!sending_) return;
  std::exchange(sending_, std::nullopt)->wait();
  sent_.reset();
}

void StageLink::send(const at::Tensor& values, int to, comm::Operation purpose) {
  if (to < 0) return;
  const at::Tensor own = for_transfer(values);
  finish_sending();
  sending_ = backbone_->placement().pipeline->start_send(nn::bytes_of(own), to, kTag, purpose);
  if (sending_) sent_ = own;
}

at::Tensor StageLink::swap(const at::Tensor& values, std::int64_t rows, int peer,
                           comm::Operation purpose) const {
  if (peer < 0) return {};
  const at::Tensor own = for_transfer(values);
  const at::Tensor theirs = allocate(rows);
  backbone_->placement().pipeline->exchange(nn::bytes_of(own), nn::bytes_of(theirs), peer, kTag,
                                            purpose);
  return theirs.to(backbone_->device());
}

at::Tensor StageLink::receive_input(std::int64_t rows) const {
  return receive(previous(), rows, kActivations);
}

void StageLink::send_output(const at::Tensor& output) { send(output, next(), kActivations); }

at::Tensor StageLink::receive_gradient(std::int64_t rows) const {
  return receive(next(), rows, kGradients);
}

void StageLink::send_gradient(const at::Tensor& gradient) {
  send(gradient, previous(), kGradients);
}

at::Tensor StageLink::send_output_receive_gradient(const at::Tensor& output,
                                                   std::int64_t rows) const {
  return swap(output, rows, next(), kActivations);
}

at::Tensor StageLink::send_gradient_receive_input(const at::Tensor& gradient,
                                                  std::int64_t rows) const {
  return swap(gradient, rows, previous(), kActivations);
}

}  // namespace incipit::model
