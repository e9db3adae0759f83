// Who wants to know how a run goes: logs, progress bars, exporters. The launcher plugs
// them in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "metrics/step_record.h"

namespace incipit::data {
class Dataset;
}

namespace incipit::trainer {

// What an evaluation scores.
struct ScoredSplit {
  std::size_t task = 0;  // of the run's tasks
  std::string split;     // "select", "test"
};

// Called on every rank, with the same numbers but for times; steps are counted from 1. An
// exception ends the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;

  virtual void on_step(const metrics::StepRecord& /*record*/) {}

  // The step's update was left out, since its loss or gradient was not finite; on_step
  // follows with the numbers as they were.
  virtual void on_nonfinite_step(std::int64_t /*step*/) {}

  // An evaluation has done about this many of the split's examples; on_scores() ends it, where
  // no signal does. On the first of the ranks that share the examples alone.
  virtual void on_evaluation_progress(const ScoredSplit& /*split*/, std::int64_t /*done*/,
                                      std::int64_t /*total*/) {}

  // The scores of a split, by metric, after `step` steps.
  virtual void on_scores(std::int64_t /*step*/, const ScoredSplit& /*split*/,
                         std::span<const std::pair<std::string, double>> /*scores*/) {}

  // A checkpoint after `step` steps was written, or could not be. On rank 0, which writes it.
  virtual void on_checkpoint(std::int64_t /*step*/, double /*seconds*/, bool /*ok*/) {}

  // What was predicted in an evaluation of a task's select split after `step` steps: a candidate
  // for every example. Not for tasks that generate.
  virtual void on_predictions(std::int64_t /*step*/, std::size_t /*task*/,
                              const data::Dataset& /*select*/,
                              std::span<const int> /*predictions*/) {}
};

}  // namespace incipit::trainer
