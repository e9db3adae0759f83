// Scores that are computed from the logits of the model's head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/linear.h"
#include "nn/scores.h"
#include "nn/vocabulary.h"

namespace incipit::nn {

// Logits exist only for some rows and this rank's part of the vocabulary at a time, and backward()
// recomputes them. Ranks exchange a few numbers per row. forward() and backward() are collective
// over the tensor parallel and the FSDP ranks, and the head's groups must have been announced
// before each of them.
class VocabularyScores : public Scores {
 public:
  [[nodiscard]] at::Tensor backward(const at::Tensor& last, const at::Tensor& grad) const final;

 protected:
  // Consecutive elements of rows().
  struct RowRange {
    std::int64_t first_row = 0;  // index into rows()
    std::int64_t rows = 0;
  };

  // `head` must outlive the object. It may be null on a pipeline stage without a head, which
  // computes nothing. `compute` is the compute dtype.
  VocabularyScores(const Head* head, at::ScalarType compute, at::Device device,
                   std::vector<Target> targets);

  // Returns the gradient of `product`, the head's outputs for ranges_[range] and part `part` of the
  // vocabulary: d(sum_t grad[t] * score[t]) / d product, in the compute dtype. May overwrite
  // `product`. The part's group is in use.
  [[nodiscard]] virtual at::Tensor gradient_of_product(std::size_t range, std::size_t part,
                                                       at::Tensor product,
                                                       const at::Tensor& grad) const = 0;

  // Returns the range's rows of `last` after the final norm.
  [[nodiscard]] at::Tensor normal(const at::Tensor& last, const RowRange& range,
                                  NormStatistics& statistics) const;
  // Returns the head's outputs for the ids of vocabulary part `part`.
  [[nodiscard]] Linear projection(std::size_t part) const;
  // Returns the logits of rows after the final norm, accumulate type.
  [[nodiscard]] at::Tensor logits_of(const Linear& projection, const at::Tensor& normal) const;
  // Returns the logits, given the head's outputs.
  [[nodiscard]] at::Tensor capped(const at::Tensor& product) const;

  const Head* head_;
  std::vector<RowRange> ranges_;  // all rows, those whose logits exist together; none: no head
};

}  // namespace incipit::nn
