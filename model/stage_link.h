// Communication between pipeline stages: hidden states forward, their gradients backward.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>

#include "comm/communicator.h"
#include "core/forest.h"
#include "model/backbone.h"

namespace incipit::model {

// Sends to and receives from this stage's neighbours. The neighbour must make the matching call. If
// there is no neighbour, a call does nothing and returns an undefined tensor. Tensors are
// [rows, hidden] in the backbone's dtype, on its device.
//
// Where operations are enqueued, transfers run while the device computes. Later work waits for the
// latest tensor that was sent when the next one is sent in that direction, or when the object is
// destroyed; until then the object keeps the tensor. A tensor that was expected is received during
// the work that was submitted since then.
class StageLink {
 public:
  // `backbone` must outlive the object. Collective over the pipeline stages.
  explicit StageLink(const Backbone& backbone);
  ~StageLink();
  StageLink(const StageLink&) = delete;
  StageLink& operator=(const StageLink&) = delete;

  // Allocate the tensor that the next receive_input() or send_gradient_receive_input(), and the
  // next receive_gradient() or send_output_receive_gradient(), returns. Do nothing where operations
  // are not enqueued.
  void expect_input(std::int64_t rows);
  void expect_gradient(std::int64_t rows);

  [[nodiscard]] at::Tensor receive_input(std::int64_t rows);
  void send_output(const at::Tensor& output);
  [[nodiscard]] at::Tensor receive_gradient(std::int64_t rows);
  void send_gradient(const at::Tensor& gradient);

  // Send and receive at once, so that neighbours that send to each other do not deadlock.
  [[nodiscard]] at::Tensor send_output_receive_gradient(const at::Tensor& output,
                                                        std::int64_t rows);
  [[nodiscard]] at::Tensor send_gradient_receive_input(const at::Tensor& gradient,
                                                       std::int64_t rows);

 private:
  // One direction to or from a neighbour, and the tensor in transfer.
  struct Transfer {
    const comm::Channel* channel = nullptr;
    comm::Operation purpose;
    at::Tensor values{};
    std::optional<comm::Pending> pending{};     // while it is sent
    comm::Communicator::Mark expected_since{};  // before it is received
  };
  void expect(Transfer& transfer, std::int64_t rows) const;
  [[nodiscard]] at::Tensor receive(Transfer& transfer, std::int64_t rows) const;
  void send(Transfer& transfer, const at::Tensor& values);
  static void finish_sending(Transfer& transfer);
  [[nodiscard]] at::Tensor swap(Transfer& sent, const at::Tensor& values, Transfer& received,
                                std::int64_t rows);
  [[nodiscard]] at::Tensor allocate(std::int64_t rows) const;
  [[nodiscard]] at::Tensor for_transfer(const at::Tensor& values) const;
  [[nodiscard]] const comm::Neighbours& stages() const { return backbone_->placement().stages; }

  const Backbone* backbone_;
  Transfer output_, input_, gradient_out_, gradient_in_;
};

}  // namespace incipit::model
