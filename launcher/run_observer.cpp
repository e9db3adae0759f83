#include "launcher/run_observer.h"

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "launcher/run_exporter.h"
#include "model/device_memory.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

// Smooths the displayed rate over about the last ten steps, excluding evaluations.
constexpr double kSmoothing = 0.9;

}  // namespace

RunObserver::RunObserver(const Session& session, const telemetry::LoggedUntil& done,
                         Profiling* profiling)
    : exporter_(open_exporter(session, done.step)),
      push_(session.is_rank_zero() ? session.config.metrics.push : "",
            {.name = session.config.run.name,
             .task = configs::task_names(session.config),
             .method = session.config.method.kind}),
      device_(session.backbone->device()),
      profiling_(profiling),
      evaluation_(session.is_rank_zero()) {
  exporter_.record_memory(model::device_memory(device_));
  for (const data::LoadedTask& task : session.tasks) {
    tasks_.push_back(task.name);
    learning_.emplace_back(session.mixes() ? task.name : "", *task.task);
  }
  if (!session.is_rank_zero()) return;
  const std::filesystem::path dir(session.config.run.output_dir);
  run_log_ = std::make_unique<telemetry::RunLog>(dir / "metrics.jsonl", done);
  if (session.config.log.tensorboard) {
    events_ = std::make_unique<telemetry::EventFile>(dir / "tensorboard", done.step);
  }
  progress_ =
      std::make_unique<telemetry::Progress>(session.config.run.name, session.config.train.steps,
                                            telemetry::ProgressOptions{.start = done.step});
}

void RunObserver::on_step(const telemetry::StepRecord& record) {
  if (profiling_) profiling_->on_step(record.step);
  exporter_.record(record);
  exporter_.record_memory(model::device_memory(device_));
  exporter_.record_push_failures(push_.failures());
  recent_samples_ = kSmoothing * recent_samples_ + static_cast<double>(record.samples);
  recent_seconds_ = kSmoothing * recent_seconds_ + record.seconds;
  log_line([&] {
    run_log_->append(record);
    if (events_) events_->append(record);
  });
  if (!progress_) return;
  const double rate = recent_seconds_ > 0 ? recent_samples_ / recent_seconds_ : 0;
  progress_->update(record.step, {{"loss", record.loss}}, rate);
}

void RunObserver::on_nonfinite_step(std::int64_t step) {
  exporter_.record_nonfinite_step();
  if (run_log_) log::warn("step {}: loss or gradient is not finite; no update is made", step);
}

std::string RunObserver::title(const trainer::ScoredSplit& which) const {
  return tasks_.size() > 1 ? tasks_[which.task] + " " + which.split : which.split;
}

void RunObserver::on_evaluation_progress(const trainer::ScoredSplit& which, std::int64_t done,
                                         std::int64_t total) {
  exporter_.record_progress();
  evaluation_.update(title(which), done, total);
}

void RunObserver::on_scores(std::int64_t step, const trainer::ScoredSplit& which,
                            std::span<const std::pair<std::string, double>> scores) {
  evaluation_.end();
  exporter_.record_scores(tasks_[which.task], which.split, scores);
  push_.record_scores(tasks_[which.task], which.split, scores);
  if (!run_log_) return;
  const std::string task = tasks_.size() > 1 ? tasks_[which.task] : "";
  log_line([&] {
    run_log_->append_scores(step, task, which.split, scores);
    if (events_) events_->append_scores(step, task, which.split, scores);
  });
  std::string text;
  for (const auto& [name, value] : scores) text += "  " + name + " " + telemetry::fixed(value, 4);
  log::info("step {}  {}{}", step, title(which), text);
}

void RunObserver::on_answers(std::int64_t step, std::size_t task, const data::Dataset& validation,
                             const eval::Scores& answers) {
  if (run_log_) learning_[task].add(step, validation, answers);
}

void RunObserver::on_checkpoint(std::int64_t step, double seconds, bool ok) {
  exporter_.record_checkpoint(seconds, ok);
  if (ok) log::debug("step {}: checkpoint written in {}", step, human_seconds(seconds));
}

// A temporarily full disk costs log lines, not the run.
void RunObserver::log_line(const std::function<void()>& append) {
  if (!run_log_) return;
  try {
    append();
    log_failed_ = false;
  } catch (const DataError& error) {
    if (!log_failed_)
      log::warn("{}; log lines are lost until writing succeeds again", error.what());
    log_failed_ = true;
  }
}

void RunObserver::finish() {
  evaluation_.end();  // one interrupted by a signal
  if (progress_) progress_->finish();
  progress_ = nullptr;
  exporter_.record_success();
  push_.record_success();
}

}  // namespace incipit::launcher
