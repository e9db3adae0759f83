// Early stopping: tracks the best evaluation and decides when to stop.
#pragma once

#include <cstdint>
#include <optional>

#include "trainer/train_options.h"

namespace incipit::trainer {

class EarlyStop {
 public:
  // Saved in checkpoints.
  struct State {
    std::optional<double> best_score{};
    std::optional<double> mark{};  // the next score must exceed mark + min_gain to count as a gain
    std::int64_t best_step = 0;
    int without_gain = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  explicit EarlyStop(const EarlyStopOptions& options) : options_(options) {}

  // Records the score after `step` steps (higher is better). Returns true when it is the best so
  // far; of equal scores, the earlier one is best.
  bool update(std::int64_t step, double score) {
    const bool best = !state_.best_score || score > *state_.best_score;
    const bool gained = !state_.mark || score > *state_.mark + options_.min_gain;
    if (best) {
      state_.best_score = score;
      state_.best_step = step;
    }
    if (gained) state_.mark = score;
    state_.without_gain = gained ? 0 : state_.without_gain + 1;
    return best;
  }

  // Returns whether `patience` evaluations in a row brought no gain.
  [[nodiscard]] bool exhausted() const {
    return options_.patience > 0 && state_.without_gain >= options_.patience;
  }
  [[nodiscard]] const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }
  [[nodiscard]] std::optional<double> best_score() const { return state_.best_score; }
  [[nodiscard]] std::int64_t best_step() const { return state_.best_step; }

 private:
  EarlyStopOptions options_;
  State state_;
};

}  // namespace incipit::trainer
