// The two ends of a model, split by rows of the vocabulary over the tensor ranks: the embedding
// of tokens, and the scores of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"

namespace incipit::model {

// Rows of the embedding table [ids, hidden] in the backbone's dtype, on its device; zeros for
// ids below 0. Collective over the tensor ranks; only where partition().embeds.
[[nodiscard]] at::Tensor embed_tokens(const Backbone& backbone, std::span<const TokenId> ids);

// The log-likelihoods of a forest's targets, and their gradient. Logits exist for some rows and
// this rank's part of the vocabulary at a time; ranks tell each other a few numbers a row.
class TargetScores {
 public:
  // `backbone` outlives it and has partition().scores before anything is computed.
  TargetScores(const Backbone& backbone, std::vector<Target> targets);

  // The distinct rows of targets, ascending.
  [[nodiscard]] const std::vector<std::int64_t>& rows() const { return rows_; }

  // `last` [rows(), hidden] is what comes out of the last layer at rows(). Collective over the
  // tensor ranks. `keep_logits`: see ForestPass::logits; it gathers them from the ranks.
  void forward(const at::Tensor& last, bool keep_logits);

  // d(sum_t grad[t] * log_likelihood[t]) / d last, [rows(), hidden]. Logits are computed again,
  // so that none are kept. Collective over the tensor ranks.
  [[nodiscard]] at::Tensor backward(const at::Tensor& last, std::span<const double> grad) const;

  // Of forward(); equal on all tensor ranks. See ForestPass.
  [[nodiscard]] const at::Tensor& log_likelihoods() const { return log_likelihoods_; }
  [[nodiscard]] const std::vector<TokenId>& argmax() const { return argmax_; }
  [[nodiscard]] const at::Tensor& logits() const { return logits_; }

 private:
  // Some of rows(), and the targets that stand there.
  struct Chunk {
    std::int64_t first_row = 0;  // as an index of rows()
    std::int64_t rows = 0;
    std::int64_t first_target = 0;
    std::int64_t end_target = 0;
    [[nodiscard]] std::int64_t targets() const { return end_target - first_target; }
  };
  // Targets whose ids this rank holds, and their places in its flattened logits of a chunk.
  struct Places {
    std::vector<std::int64_t> targets;
    std::vector<std::int64_t> flat;
  };
  [[nodiscard]] std::vector<Chunk> chunks() const;
  [[nodiscard]] Places held_targets(const Chunk& chunk, const Range& held) const;
  // The chunk's rows behind the final norm, and their inverse root mean squares.
  [[nodiscard]] at::Tensor normal(const at::Tensor& last, const Chunk& chunk, at::Tensor& r) const;
  [[nodiscard]] at::Tensor gather_columns(const at::Tensor& logits) const;
  void tell(const Chunk& chunk, int piece, const at::Tensor& logits, std::vector<double>& told);
  void combine(const Chunk& chunk, const std::vector<double>& all);
  [[nodiscard]] at::Tensor logit_gradient(const Chunk& chunk, int piece, at::Tensor logits,
                                          std::span<const double> grad) const;

  const Backbone* backbone_;
  std::vector<Target> targets_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> slot_;   // by target: its row's place in rows_
  std::vector<double> normalisers_;  // by row: log of the sum of all logits' exponentials
  std::vector<std::vector<double>> local_maxima_;  // by piece and row: the largest of its logits
  std::vector<double> likelihoods_;                // by target
  at::Tensor log_likelihoods_;
  std::vector<TokenId> argmax_;
  at::Tensor logits_;
};

}  // namespace incipit::model
