// Training objectives as functions of the log-likelihoods of a packed batch's targets. Values are
// sums, not means: the caller divides by the count of the global batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/forest.h"

namespace incipit::trainer {

class Objective {
 public:
  virtual ~Objective() = default;

  struct Value {
    at::Tensor loss;      // [] float64: the sum
    at::Tensor gradient;  // [targets] float64: d loss / d log-likelihood
  };
  // `log_likelihoods` [targets] float64, on the objective's device, as the results. A target's
  // gradient is correct once its own log-likelihood and those of the targets coupled with it are.
  [[nodiscard]] virtual Value evaluate(const at::Tensor& log_likelihoods) const = 0;

  // Denominator of the mean: the sum of the target tokens' weights, or the number of examples.
  [[nodiscard]] virtual double count() const = 0;

  // Sets of targets whose gradients depend on each other's log-likelihoods.
  [[nodiscard]] virtual std::span<const std::vector<std::int32_t>> coupled() const { return {}; }
};

// Negative weighted sum of the log-likelihoods.
[[nodiscard]] std::unique_ptr<Objective> target_token_objective(const Forest& forest,
                                                                at::Device device);

// The same over only these sequences of the batch. All targets have weight 1.
[[nodiscard]] std::unique_ptr<Objective> target_token_objective(
    const PackedForest& packed, std::span<const std::int32_t> sequences, at::Device device);

// The candidates of one answer, each as its targets in the forest.
struct CandidateGroup {
  std::vector<std::vector<std::int32_t>> candidates;
  int gold = 0;  // index into `candidates`
};

// Cross-entropy of the gold candidate, with the candidates' summed log-likelihoods as logits.
[[nodiscard]] std::unique_ptr<Objective> candidate_objective(std::span<const CandidateGroup> groups,
                                                             at::Device device);

}  // namespace incipit::trainer
