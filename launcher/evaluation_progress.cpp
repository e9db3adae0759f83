#include "launcher/evaluation_progress.h"

#include <utility>

namespace incipit::launcher {

void EvaluationProgress::update(const std::string& title, std::int64_t done, std::int64_t total) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!bar_) {
    bar_ = std::make_unique<metrics::Progress>(title, total, metrics::ProgressOptions{.start = done});
    begin_ = now;
    first_done_ = done;
  }
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const auto own = static_cast<double>(done - first_done_);
  bar_->update(done, {}, seconds > 0 ? own / seconds : 0);
}

eval::ScoringProgress EvaluationProgress::titled(std::string title) {
  return [this, title = std::move(title)](std::int64_t done, std::int64_t total) {
    update(title, done, total);
  };
}

}  // namespace incipit::launcher
