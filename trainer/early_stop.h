// Which evaluation was the best, and whether it is worth going on.
#pragma once

#include <cstdint>
#include <optional>

#include "trainer/train_options.h"

namespace incipit::trainer {

class EarlyStop {
 public:
  // What it knows; to be saved in a checkpoint.
  struct State {
    std::optional<double> best_score{};
    std::optional<double> mark{};  // what the next score must exceed to count as risen
    std::int64_t best_step = 0;
    int without_gain = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  explicit EarlyStop(const EarlyStopOptions& options) : options_(options) {}

  // Takes the score (higher is better) after `step` steps; true when it is the best so far.
  // Equal scores: the earlier one.
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

  // The score has not risen for `patience` evaluations.
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
