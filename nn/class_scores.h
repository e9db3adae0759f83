// A trained output head of few outputs, in place of the model's own: classes of a text or of its
// words, or the beginning and the end of a span.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/norm.h"
#include "nn/scores.h"

namespace incipit::nn {

// The scores of a row are those of W norm(x) + b. Every rank has all of the head. All tensors have
// the accumulate type of the model.
struct ClassHead {
  at::Tensor weight;       // [outputs, hidden]
  at::Tensor bias;         // [outputs]; undefined: none
  bool normalised = true;  // a row's scores are log-probabilities of its outputs
  at::Tensor grad_weight;  // like weight and bias; undefined without gradients
  at::Tensor grad_bias;
  [[nodiscard]] std::int64_t outputs() const { return weight.size(0); }
};

// The scores of targets, whose ids are outputs of the head. argmax() is a row's largest output.
class ClassScores final : public Scores {
 public:
  // `norm`, the model's last, and `head` must outlive the object.
  ClassScores(const Norm& norm, const ClassHead& head, at::ScalarType compute, at::Device device,
              std::vector<Target> targets);

  // logits() are the outputs, [rows(), outputs], whether kept or not. Not collective.
  void forward(const at::Tensor& last, bool keep_logits) override;
  // Also adds the gradients of the head to it.
  [[nodiscard]] at::Tensor backward(const at::Tensor& last, const at::Tensor& grad) const override;
  [[nodiscard]] std::vector<std::int64_t> shape() const override;

 private:
  // Returns what the head's outputs are computed from.
  [[nodiscard]] at::Tensor normal(const at::Tensor& last, NormStatistics& statistics) const;

  const Norm* norm_;
  const ClassHead* head_;
  at::Tensor row_of_;  // [targets]: index into rows()
  at::Tensor flat_;    // [targets]: index into the flattened outputs
};

}  // namespace incipit::nn
