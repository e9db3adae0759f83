#include "launcher/evaluation_progress.h"

#include <utility>

namespace incipit::launcher {

void EvaluationProgress::update(const std::string& title, std::int64_t done, std::int64_t total) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!bar_) {
    bar_ = std::make_unique<telemetry::Progress>(title, total);
    begin_ = now;
  }
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  bar_->update(done, {}, seconds > 0 ? static_cast<double>(done) / seconds : 0);
}

eval::ScoringProgress EvaluationProgress::titled(std::string title) {
  end();
  return [this, title = std::move(title)](std::int64_t done, std::int64_t total) {
    update(title, done, total);
  };
}

}  // namespace incipit::launcher
