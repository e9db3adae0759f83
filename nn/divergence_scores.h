// Divergences of next-token distributions from those of a teacher (Hinton et al. 2015).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/forest.h"
#include "nn/vocabulary_scores.h"

namespace incipit::nn {

// The negative Kullback-Leibler divergence -KL(teacher || student), in nats, of the whole
// distribution of the next token at the row of each target, in place of its log-likelihood. The
// teacher has the same head. argmax() stays empty.
class DivergenceScores final : public VocabularyScores {
 public:
  // `teacher` [targets, hidden]: the teacher's output of the last layer for every target, equal for
  // the targets of a row. See VocabularyScores for the others.
  DivergenceScores(const Head& head, at::ScalarType compute, at::Device device,
                   std::vector<Target> targets, const at::Tensor& teacher);

  // `keep_logits` must be false.
  void forward(const at::Tensor& last, bool keep_logits) override;
  [[nodiscard]] std::vector<std::int64_t> shape() const override;

 private:
  [[nodiscard]] at::Tensor gradient_of_product(std::size_t range, std::size_t part,
                                               at::Tensor product,
                                               const at::Tensor& grad) const override;
  // Returns the divergences of a range's rows, [rows] float64, from the numbers of all parts of the
  // vocabulary. Keeps the log-sum-exps.
  [[nodiscard]] at::Tensor combine(const at::Tensor& numbers);

  at::Tensor row_of_;   // [targets]: index into rows()
  at::Tensor teacher_;  // [rows(), hidden]
  // By range: [rows] float64, the log-sum-exp of all logits.
  std::vector<at::Tensor> teacher_normalisers_;
  std::vector<at::Tensor> normalisers_;
};

}  // namespace incipit::nn
