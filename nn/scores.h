// What a pass computes at the rows of its targets, by an output head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/forest.h"

namespace incipit::nn {

// The scores of a forest's targets, and their gradient. All results stay on the device.
class Scores {
 public:
  virtual ~Scores() = default;

  // The distinct rows of targets, ascending.
  [[nodiscard]] const std::vector<std::int64_t>& rows() const { return rows_; }
  // Returns the row of every target, [targets, hidden], of `last` [rows(), hidden].
  [[nodiscard]] at::Tensor by_target(const at::Tensor& last) const;

  // Computes the scores. `last` [rows(), hidden] is the last layer's output at rows().
  virtual void forward(const at::Tensor& last, bool keep_logits) = 0;

  // Returns d(sum_t grad[t] * score[t]) / d last, [rows(), hidden]. grad [targets] float64.
  [[nodiscard]] virtual at::Tensor backward(const at::Tensor& last,
                                            const at::Tensor& grad) const = 0;

  // Returns the numbers with which kernels are called, besides the contents of their arrays: equal
  // for targets for which a device can repeat the work (model/pass_graphs.h).
  [[nodiscard]] virtual std::vector<std::int64_t> shape() const = 0;

  // Results of forward(), equal on all tensor parallel ranks. See ForestPass. argmax() is [targets]
  // int64.
  [[nodiscard]] const at::Tensor& log_likelihoods() const { return log_likelihoods_; }
  [[nodiscard]] const at::Tensor& argmax() const { return argmax_; }
  [[nodiscard]] const at::Tensor& logits() const { return logits_; }

 protected:
  // `wide` is the dtype of scores.
  Scores(std::vector<Target> targets, at::ScalarType wide, at::Device device);
  // Makes log_likelihoods() zeros and argmax() empty.
  void clear_results();

  at::ScalarType wide_;
  at::Device device_;
  std::vector<Target> targets_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> slot_;  // by target: index of its row in rows_
  at::Tensor log_likelihoods_;
  at::Tensor argmax_;
  at::Tensor logits_;
};

}  // namespace incipit::nn
