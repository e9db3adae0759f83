// Shows the progress of an evaluation.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "eval/scorer.h"
#include "telemetry/progress.h"

namespace incipit::launcher {

// A progress bar during an evaluation, above that of a training run if there is one. It disappears
// when the evaluation ends. Shown on rank 0 only: other ranks pass `shown` false.
class EvaluationProgress {
 public:
  explicit EvaluationProgress(bool shown) : shown_(shown) {}

  // Updates the bar. The first call, with `done` 0, starts one.
  void update(const std::string& title, std::int64_t done, std::int64_t total);
  void end() { bar_ = nullptr; }

  // Ends the bar of an earlier evaluation. Returns a callback for the next one, which this object
  // must outlive.
  [[nodiscard]] eval::ScoringProgress titled(std::string title);

 private:
  bool shown_;
  std::unique_ptr<telemetry::Progress> bar_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace incipit::launcher
