// Scores of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "nn/linear.h"
#include "nn/vocabulary.h"

namespace incipit::nn {

// The log-likelihoods of a forest's targets, and their gradient. Logits exist only for some rows
// and this rank's part of the vocabulary at a time. Ranks exchange a few numbers per row.
class TargetScores {
 public:
  // `head` must outlive the object. It may be null on a pipeline stage without a head, which
  // computes nothing. `compute` is the compute dtype.
  TargetScores(const Head* head, at::ScalarType compute, std::vector<Target> targets);

  // The distinct rows of targets, ascending.
  [[nodiscard]] const std::vector<std::int64_t>& rows() const { return rows_; }

  // Computes the scores. `last` [rows(), hidden] is the last layer's output at rows().
  // `keep_logits` gathers the logits from all ranks; only for a table of one chunk. The head's
  // groups must have been announced. Collective over the tensor parallel and the FSDP ranks.
  void forward(const at::Tensor& last, bool keep_logits);

  // Returns d(sum_t grad[t] * log_likelihood[t]) / d last, [rows(), hidden]. Recomputes the logits
  // instead of keeping them. The head's groups must have been announced again. Collective as
  // forward() is.
  [[nodiscard]] at::Tensor backward(const at::Tensor& last, std::span<const double> grad) const;

  // Results of forward(), equal on all tensor parallel ranks. See ForestPass.
  [[nodiscard]] const at::Tensor& log_likelihoods() const { return log_likelihoods_; }
  [[nodiscard]] const std::vector<TokenId>& argmax() const { return argmax_; }
  [[nodiscard]] const at::Tensor& logits() const { return logits_; }

 private:
  // Consecutive elements of rows(), and the targets at these rows.
  struct Chunk {
    std::int64_t first_row = 0;  // index into rows()
    std::int64_t rows = 0;
    std::int64_t first_target = 0;
    std::int64_t end_target = 0;
    [[nodiscard]] std::int64_t targets() const { return end_target - first_target; }
  };
  // Targets whose ids are in this rank's vocabulary, and their indices in its flattened logits of a
  // chunk.
  struct Places {
    std::vector<std::int64_t> targets;
    std::vector<std::int64_t> flat;
  };
  [[nodiscard]] std::vector<Chunk> chunks() const;
  [[nodiscard]] Places held_targets(const Chunk& chunk, const Range& held) const;
  // Returns the chunk's rows after the final norm.
  [[nodiscard]] at::Tensor normal(const at::Tensor& last, const Chunk& chunk,
                                  NormStatistics& statistics) const;
  // Returns the head's outputs for the ids of vocabulary chunk `part`.
  [[nodiscard]] Linear projection(std::size_t part) const;
  [[nodiscard]] at::Tensor gather_columns(const at::Tensor& logits) const;
  void append_numbers(const Chunk& chunk, std::size_t part, const at::Tensor& logits,
                      std::vector<double>& numbers);
  void combine(const Chunk& chunk, const std::vector<double>& all);
  [[nodiscard]] at::Tensor logit_gradient(const Chunk& chunk, std::size_t part, at::Tensor logits,
                                          std::span<const double> grad) const;

  const Head* head_;
  at::ScalarType wide_;  // accumulate type
  std::vector<Target> targets_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> slot_;                 // by target: index of its row in rows_
  std::vector<double> normalisers_;                // by row: log-sum-exp of all logits
  std::vector<std::vector<double>> local_maxima_;  // by vocabulary chunk and row: largest logit
  std::vector<double> likelihoods_;                // by target
  at::Tensor log_likelihoods_;
  std::vector<TokenId> argmax_;
  at::Tensor logits_;
};

}  // namespace incipit::nn
