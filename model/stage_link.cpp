#include "model/stage_link.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/check.h"
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

StageLink::StageLink(const Backbone& backbone)
    : backbone_(&backbone),
      output_{&stages().to_next(), kActivations},
      input_{&stages().from_previous(), kActivations},
      gradient_out_{&stages().to_previous(), kGradients},
      gradient_in_{&stages().from_next(), kGradients} {
  at::Tensor memory;
  stages().connect([&] {
    memory = at::zeros({1}, at::TensorOptions(at::kFloat).device(transfer_device(backbone)));
    return nn::bytes_of(memory);
  });
}

StageLink::~StageLink() {
  try {
    finish_sending(output_);
    finish_sending(gradient_out_);
  } catch (const CommError&) {
    // The communicators are marked as broken: the next operation reports it.
  }
}

at::Tensor StageLink::allocate(std::int64_t rows) const {
  return at::empty({rows, backbone_->spec().hidden_size},
                   at::TensorOptions(backbone_->dtype()).device(transfer_device(*backbone_)));
}

at::Tensor StageLink::for_transfer(const at::Tensor& values) const {
  return values.to(transfer_device(*backbone_)).contiguous();
}

void StageLink::expect(Transfer& transfer, std::int64_t rows) const {
  if (transfer.channel->ranks == nullptr || !stages().are_separate()) return;
  INCIPIT_CHECK(!transfer.values.defined(), "a tensor is expected already");
  transfer.values = allocate(rows);
  transfer.expected_since = transfer.channel->ranks->mark_submitted();
}

at::Tensor StageLink::receive(Transfer& transfer, std::int64_t rows) const {
  comm::Communicator* const ranks = transfer.channel->ranks;
  if (ranks == nullptr) return {};
  const at::Tensor values =
      transfer.values.defined() ? std::exchange(transfer.values, at::Tensor()) : allocate(rows);
  INCIPIT_CHECK(values.size(0) == rows, "another tensor was expected");
  ranks->run_after(std::exchange(transfer.expected_since, nullptr), [&] {
    ranks->recv(nn::bytes_of(values), transfer.channel->peer, kTag, transfer.purpose);
  });
  return values.to(backbone_->device());
}

void StageLink::finish_sending(Transfer& transfer) {
  if (transfer.pending) std::exchange(transfer.pending, std::nullopt)->wait();
  transfer.values.reset();
}

void StageLink::send(Transfer& transfer, const at::Tensor& values) {
  comm::Communicator* const ranks = transfer.channel->ranks;
  if (ranks == nullptr) return;
  const at::Tensor own = for_transfer(values);
  finish_sending(transfer);
  transfer.pending = ranks->start(transfer.purpose, [&] {
    ranks->send(nn::bytes_of(own), transfer.channel->peer, kTag, transfer.purpose);
  });
  if (transfer.pending) transfer.values = own;
}

at::Tensor StageLink::swap(Transfer& sent, const at::Tensor& values, Transfer& received,
                           std::int64_t rows) {
  if (sent.channel->ranks == nullptr) return {};
  if (stages().are_separate()) {
    send(sent, values);
    return receive(received, rows);
  }
  const at::Tensor own = for_transfer(values);
  const at::Tensor theirs = allocate(rows);
  sent.channel->ranks->exchange(nn::bytes_of(own), nn::bytes_of(theirs), sent.channel->peer, kTag,
                                kActivations);
  return theirs.to(backbone_->device());
}

void StageLink::expect_input(std::int64_t rows) { expect(input_, rows); }

void StageLink::expect_gradient(std::int64_t rows) { expect(gradient_in_, rows); }

at::Tensor StageLink::receive_input(std::int64_t rows) { return receive(input_, rows); }

void StageLink::send_output(const at::Tensor& output) { send(output_, output); }

at::Tensor StageLink::receive_gradient(std::int64_t rows) { return receive(gradient_in_, rows); }

void StageLink::send_gradient(const at::Tensor& gradient) { send(gradient_out_, gradient); }

at::Tensor StageLink::send_output_receive_gradient(const at::Tensor& output, std::int64_t rows) {
  return swap(output_, output, gradient_in_, rows);
}

at::Tensor StageLink::send_gradient_receive_input(const at::Tensor& gradient, std::int64_t rows) {
  return swap(gradient_out_, gradient, input_, rows);
}

}  // namespace incipit::model
