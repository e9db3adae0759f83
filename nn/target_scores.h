// Scores of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "nn/linear.h"
#include "nn/scores.h"
#include "nn/vocabulary.h"

namespace incipit::nn {

struct DevicePath;

// The log-likelihoods of next tokens. Logits exist only for some rows and this rank's part of the
// vocabulary at a time. Ranks exchange a few numbers per row.
class TargetScores final : public Scores {
 public:
  // `head` must outlive the object. It may be null on a pipeline stage without a head, which
  // computes nothing. `compute` is the compute dtype.
  TargetScores(const Head* head, at::ScalarType compute, at::Device device,
               std::vector<Target> targets);

  // `keep_logits` gathers the logits from all ranks; only for a table of one chunk. The head's
  // groups must have been announced. Collective over the tensor parallel and the FSDP ranks.
  void forward(const at::Tensor& last, bool keep_logits) override;

  // Recomputes the logits instead of keeping them. The head's groups must have been announced
  // again. Collective as forward() is.
  [[nodiscard]] at::Tensor backward(const at::Tensor& last, const at::Tensor& grad) const override;

  [[nodiscard]] std::vector<std::int64_t> shape() const override;

 private:
  // Where a chunk's targets are among its logits of one part of the vocabulary.
  struct Places {
    at::Tensor targets;  // the targets whose ids are in the part, counted from the chunk's first
    at::Tensor flat;     // their indices in the flattened logits
  };
  // Consecutive elements of rows(), and the targets at these rows.
  struct Chunk {
    std::int64_t first_row = 0;  // index into rows()
    std::int64_t rows = 0;
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
  // Returns the chunk's rows after the final norm.
  [[nodiscard]] at::Tensor normal(const at::Tensor& last, const Chunk& chunk,
                                  NormStatistics& statistics) const;
  // Returns the head's outputs for the ids of vocabulary part `part`.
  [[nodiscard]] Linear projection(std::size_t part) const;
  // Returns the logits of rows after the final norm, accumulate type.
  [[nodiscard]] at::Tensor logits_of(const Linear& projection, const at::Tensor& normal) const;
  // Returns the logits, given the head's outputs.
  [[nodiscard]] at::Tensor capped(const at::Tensor& product) const;
  [[nodiscard]] at::Tensor gradient_of_product(const Linear& projection, const Chunk& chunk,
                                               std::size_t part, const at::Tensor& normal,
                                               const at::Tensor& grad) const;
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

  const Head* head_;
  std::vector<Chunk> chunks_;
};

}  // namespace incipit::nn
