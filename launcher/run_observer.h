// Displays and records a training run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "launcher/evaluation_progress.h"
#include "launcher/learning_watch.h"
#include "launcher/profiling.h"
#include "launcher/session.h"
#include "telemetry/event_file.h"
#include "telemetry/exporter.h"
#include "telemetry/outcome_push.h"
#include "telemetry/progress.h"
#include "telemetry/run_log.h"
#include "trainer/observer.h"

namespace incipit::launcher {

// Writes metrics.jsonl and, if log.tensorboard asks for it, an event file, and shows a progress bar
// on rank 0; opens a Prometheus endpoint on every rank if metrics.listen asks for it; pushes the
// outcome from rank 0 if metrics.push asks for it.
class RunObserver : public trainer::TrainObserver {
 public:
  // The run directory must exist. `done`: what an interrupted run had already logged. Throws
  // DataError and ConfigError as these components do.
  // `profiling`, if any, must outlive the observer.
  RunObserver(const Session& session, const telemetry::LoggedUntil& done,
              Profiling* profiling = nullptr);

  void on_step(const telemetry::StepRecord& record) override;
  void on_nonfinite_step(std::int64_t step) override;
  void on_evaluation_progress(const trainer::ScoredSplit& which, std::int64_t done,
                              std::int64_t total) override;
  void on_scores(std::int64_t step, const trainer::ScoredSplit& which,
                 std::span<const std::pair<std::string, double>> scores) override;
  void on_answers(std::int64_t step, std::size_t task, const data::Dataset& validation,
                  const eval::Scores& answers) override;

  void on_checkpoint(std::int64_t step, double seconds, bool ok) override;

  // Call when the run ended successfully. Leaves the progress bar on screen.
  void finish();

  [[nodiscard]] const LearningWatch& learning(std::size_t task) const { return learning_[task]; }

 private:
  void log_line(const std::function<void()>& append);
  // Returns "validation" or, with several tasks, "rte validation".
  [[nodiscard]] std::string title(const trainer::ScoredSplit& which) const;

  telemetry::Exporter exporter_;
  telemetry::OutcomePush push_;  // on rank 0, if metrics.push asks for it
  c10::Device device_;
  Profiling* const profiling_;                     // null: none
  std::unique_ptr<telemetry::RunLog> run_log_;     // rank 0
  std::unique_ptr<telemetry::EventFile> events_;   // rank 0, if log.tensorboard asks for it
  std::unique_ptr<telemetry::Progress> progress_;  // rank 0, until finish()
  EvaluationProgress evaluation_;
  std::vector<std::string> tasks_;       // names
  std::vector<LearningWatch> learning_;  // per task; filled on rank 0
  bool log_failed_ = false;
  double recent_samples_ = 0;
  double recent_seconds_ = 0;
};

}  // namespace incipit::launcher
