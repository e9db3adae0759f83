// Observer of a training run: logs, progress bars, exporters. The launcher implements it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "telemetry/step_record.h"

namespace incipit::data {
class Dataset;
}

namespace incipit::eval {
struct Scores;
}

namespace incipit::trainer {

// The task and split that an evaluation scores.
struct ScoredSplit {
  std::size_t task = 0;  // index into the run's tasks
  std::string split;     // "validation", "test"
};

// Called on every rank with the same values, except for times. Steps count from 1. An exception
// ends the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;

  virtual void on_step(const telemetry::StepRecord& /*record*/) {}

  // The step's update was skipped because its loss or gradient was not finite. on_step follows with
  // the values as they were.
  virtual void on_nonfinite_step(std::int64_t /*step*/) {}

  // An evaluation has done about this many of the split's examples. Called only on the first of the
  // ranks that share the examples. on_scores() ends the evaluation, unless a signal does.
  virtual void on_evaluation_progress(const ScoredSplit& /*split*/, std::int64_t /*done*/,
                                      std::int64_t /*total*/) {}

  // The scores of a split after `step` steps, by metric.
  virtual void on_scores(std::int64_t /*step*/, const ScoredSplit& /*split*/,
                         std::span<const std::pair<std::string, double>> /*scores*/) {}

  // A checkpoint after `step` steps was written or failed. Called only on rank 0, which writes it.
  virtual void on_checkpoint(std::int64_t /*step*/, double /*seconds*/, bool /*ok*/) {}

  // The answers of an evaluation of a task's validation split after `step` steps. Not called if
  // only the loss is measured.
  virtual void on_answers(std::int64_t /*step*/, std::size_t /*task*/,
                          const data::Dataset& /*validation*/, const eval::Scores& /*answers*/) {}
};

}  // namespace incipit::trainer
