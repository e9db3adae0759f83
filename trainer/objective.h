// What is minimised, as a function of the log-likelihoods of a packed batch's targets.
// Sums, not means: the batch of the whole job divides by its global count.
#pragma once

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
    double loss = 0;               // summed
    std::vector<double> gradient;  // [targets]: d loss / d log-likelihood
  };
  // `log_likelihoods` of all targets of the forest. A gradient is right as soon as the
  // log-likelihoods of its target and of those coupled with it are.
  [[nodiscard]] virtual Value evaluate(std::span<const double> log_likelihoods) const = 0;

  // What the mean is taken over: target tokens by weight, or examples.
  [[nodiscard]] virtual double count() const = 0;

  // Sets of targets whose gradients depend on each other's log-likelihoods.
  [[nodiscard]] virtual std::span<const std::vector<std::int32_t>> coupled() const { return {}; }
};

// Minus the weighted sum of log-likelihoods.
[[nodiscard]] std::unique_ptr<Objective> target_token_objective(const Forest& forest);

// The part of it that is of these sequences of the batch, whose targets weigh 1.
[[nodiscard]] std::unique_ptr<Objective> target_token_objective(
    const PackedForest& packed, std::span<const std::int32_t> sequences);

// The candidates of one example, as indices of the packed sequences.
struct CandidateGroup {
  std::vector<std::int32_t> sequences;
  int gold = 0;  // index into `sequences`
};

// Cross-entropy of the gold candidate over the candidates' summed log-likelihoods.
// `packed` must outlive it.
[[nodiscard]] std::unique_ptr<Objective> candidate_objective(const PackedForest& packed,
                                                             std::vector<CandidateGroup> groups);

}  // namespace incipit::trainer
