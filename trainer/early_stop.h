// Which evaluation was the best, and whether it is worth going on.
#pragma once

#include <cstdint>
#include <optional>

#include "trainer/train_options.h"

namespace incipit::trainer {

class EarlyStop {
 public:
  explicit EarlyStop(const EarlyStopOptions& options) : options_(options) {}

  // Takes the score (higher is better) after `step` steps; true when it is the best so far.
  // Equal scores: the earlier one.
  bool update(std::int64_t step, double score) {
    const bool best = !best_score_ || score > *best_score_;
    const bool gained = !mark_ || score > *mark_ + options_.min_gain;
    if (best) {
      best_score_ = score;
      best_step_ = step;
    }
    if (gained) mark_ = score;
    without_gain_ = gained ? 0 : without_gain_ + 1;
    return best;
  }

  // The score has not risen for `patience` evaluations.
  [[nodiscard]] bool exhausted() const {
    return options_.patience > 0 && without_gain_ >= options_.patience;
  }
  [[nodiscard]] std::optional<double> best_score() const { return best_score_; }
  [[nodiscard]] std::int64_t best_step() const { return best_step_; }

 private:
  EarlyStopOptions options_;
  std::optional<double> best_score_;
  std::optional<double> mark_;  // what the next score must exceed to count as risen
  std::int64_t best_step_ = 0;
  int without_gain_ = 0;
};

}  // namespace incipit::trainer
