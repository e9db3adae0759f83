// Scores of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/forest.h"
#include "nn/vocabulary_scores.h"

namespace incipit::nn {

struct DevicePath;

// The log-likelihoods of next tokens.
class TargetScores final : public VocabularyScores {
 public:
  // See VocabularyScores.
  TargetScores(const Head* head, at::ScalarType compute, at::Device device,
               std::vector<Target> targets);

  // `keep_logits` gathers the logits from all ranks; only for a table of one chunk.
  void forward(const at::Tensor& last, bool keep_logits) override;

  [[nodiscard]] std::vector<std::int64_t> shape() const override;

 private:
  // Where a chunk's targets are among its logits of one part of the vocabulary.
  struct Places {
    at::Tensor targets;  // the targets whose ids are in the part, counted from the chunk's first
    at::Tensor flat;     // their indices in the flattened logits
  };
  // One of ranges_, and the targets at its rows.
  struct Chunk : RowRange {
    std::int64_t first_target = 0;
    std::int64_t targets = 0;
    // Without kernels of a GPU:
    at::Tensor row_of{};               // [targets]: counted from first_row
    std::vector<Places> places{};      // by part of this rank's vocabulary
    std::vector<at::Tensor> maxima{};  // by part: [rows] float64, the largest logits
    at::Tensor normalisers{};          // [rows] float64: log-sum-exp of all logits
    // For the kernels of a GPU: where each row's targets begin, and the targets' ids.
    at::Tensor first_target_of{};  // [rows + 1] int32
    at::Tensor ids{};              // [targets] int64
  };
  [[nodiscard]] std::vector<Chunk> make_chunks(bool has_kernels) const;
  void add_kernel_places(Chunk& chunk) const;
  void add_places(Chunk& chunk) const;
  [[nodiscard]] Places find_places(const Chunk& chunk, const Range& ids) const;
  [[nodiscard]] at::Tensor gradient_of_product(std::size_t range, std::size_t part,
                                               at::Tensor product,
                                               const at::Tensor& grad) const override;
  [[nodiscard]] at::Tensor gather_columns(const at::Tensor& logits) const;
  [[nodiscard]] at::Tensor part_numbers(Chunk& chunk, std::size_t part,
                                        const at::Tensor& logits) const;
  // The same with the kernels of a GPU (target_scores_kernels.cpp).
  void forward_on(const DevicePath& path, const at::Tensor& last, bool keep_logits);
  void score(const DevicePath& path, const Chunk& chunk, std::size_t part, const at::Tensor& logits,
             const at::Tensor& numbers) const;
  void combine_on(const DevicePath& path, Chunk& chunk, const at::Tensor& numbers);
  void logit_gradient_on(const DevicePath& path, const Chunk& chunk, std::size_t part,
                         const at::Tensor& logits, const at::Tensor& grad) const;
  void combine(Chunk& chunk, const at::Tensor& numbers, std::vector<at::Tensor>& likelihoods,
               std::vector<at::Tensor>& likeliest) const;
  [[nodiscard]] at::Tensor logit_gradient(const Chunk& chunk, std::size_t part, at::Tensor logits,
                                          const at::Tensor& grad) const;

  std::vector<Chunk> chunks_;  // by range
};

}  // namespace incipit::nn
