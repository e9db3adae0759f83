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
// Where operations are enqueued, the device computes while the latest tensor is sent: later work
// waits for it only when the next one is sent, or the object is destroyed. Until then the object
// keeps the tensor.
class StageLink {
 public:
  // `backbone` must outlive the object.
  explicit StageLink(const Backbone& backbone) : backbone_(&backbone) {}
  ~StageLink();
  StageLink(const StageLink&) = delete;
  StageLink& operator=(const StageLink&) = delete;

  [[nodiscard]] at::Tensor receive_input(std::int64_t rows) const;
  void send_output(const at::Tensor& output);
  [[nodiscard]] at::Tensor receive_gradient(std::int64_t rows) const;
  void send_gradient(const at::Tensor& gradient);

  // Send and receive at once, so that neighbours that send to each other do not deadlock.
  [[nodiscard]] at::Tensor send_output_receive_gradient(const at::Tensor& output,
                                                        std::int64_t rows) const;
  [[nodiscard]] at::Tensor send_gradient_receive_input(const at::Tensor& gradient,
                                                       std::int64_t rows) const;

 private:
  [[nodiscard]] int previous() const;  // its pipeline rank, or -1
  [[nodiscard]] int next() const;
  [[nodiscard]] at::Tensor receive(int from, std::int64_t rows, comm::Operation purpose) const;
  void send(const at::Tensor& values, int to, comm::Operation purpose);
  void finish_sending();
  [[nodiscard]] at::Tensor swap(const at::Tensor& values, std::int64_t rows, int peer,
                                comm::Operation purpose) const;
  [[nodiscard]] at::Tensor allocate(std::int64_t rows) const;
  [[nodiscard]] at::Tensor for_transfer(const at::Tensor& values) const;

  const Backbone* backbone_;
  at::Tensor sent_;
  std::optional<comm::Pending> sending_;  // of sent_
};

}  // namespace incipit::model
