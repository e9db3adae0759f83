// Shows how far an evaluation has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "eval/scorer.h"
#include "metrics/progress.h"

namespace incipit::launcher {

// A bar while an evaluation goes on, over that of a training run where one stands; gone when it
// ends. For rank 0: the others make it not `shown`.
class EvaluationProgress {
 public:
  explicit EvaluationProgress(bool shown) : shown_(shown) {}

  // The first call, with nothing done yet, begins a bar.
  void update(const std::string& title, std::int64_t done, std::int64_t total);
  void end() { bar_ = nullptr; }

  // For eval::evaluate(). This object must outlive it.
  [[nodiscard]] eval::ScoringProgress titled(std::string title);

 private:
  bool shown_;
  std::unique_ptr<metrics::Progress> bar_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace incipit::launcher
