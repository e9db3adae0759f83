// What the stages of a pipeline tell each other: hidden rows forwards, their gradients backwards.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/forest.h"
#include "model/backbone.h"
#include "model/forest_pass.h"

namespace incipit::model {

// This stage's neighbours. Each call is met by the matching one of the neighbour; where there is no
// neighbour it does nothing and gives an undefined tensor. Tensors are [rows, hidden] in the
// backbone's dtype, on its device.
class StageLink {
 public:
  // `backbone` outlives it.
  explicit StageLink(const Backbone& backbone) : backbone_(&backbone) {}

  [[nodiscard]] at::Tensor receive_input(std::int64_t rows) const;
  void send_output(const at::Tensor& output) const;
  [[nodiscard]] at::Tensor receive_gradient(std::int64_t rows) const;
  void send_gradient(const at::Tensor& gradient) const;

  // Two at once, so that neighbours that send to each other do not wait for each other.
  [[nodiscard]] at::Tensor send_output_receive_gradient(const at::Tensor& output,
                                                        std::int64_t rows) const;
  [[nodiscard]] at::Tensor send_gradient_receive_input(const at::Tensor& gradient,
                                                       std::int64_t rows) const;

 private:
  [[nodiscard]] int previous() const;  // rank among the stages; -1: none
  [[nodiscard]] int next() const;
  [[nodiscard]] at::Tensor receive(int from, std::int64_t rows, comm::Operation purpose) const;
  void send(const at::Tensor& values, int to, comm::Operation purpose) const;
  [[nodiscard]] at::Tensor swap(const at::Tensor& values, std::int64_t rows, int peer,
                                comm::Operation purpose) const;
  [[nodiscard]] at::Tensor room(std::int64_t rows) const;
  [[nodiscard]] at::Tensor for_transfer(const at::Tensor& values) const;

  const Backbone* backbone_;
};

// A forward pass through all stages: collective over the pipeline, one after the other. Its scores
// are the last stage's. `options.input` is not set.
[[nodiscard]] ForestPass run_through_stages(const Backbone& backbone, const Forest& forest,
                                            std::span<const at::Tensor> prompts,
                                            ForestPassOptions options);

}  // namespace incipit::model
