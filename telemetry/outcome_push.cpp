#include "telemetry/outcome_push.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/log.h"
#include "telemetry/broken_connections.h"
#include "telemetry/push_client.h"

namespace incipit::telemetry {
namespace {

constexpr std::chrono::seconds kPushPatience{5};  // of one push
constexpr std::chrono::seconds kMostDelay{1};     // of the end of the run

}  // namespace

struct OutcomePush::State {
  // Main thread.
  PushTarget target;
  prometheus::Registry registry;
  prometheus::Gauge* success = nullptr;
  prometheus::Family<prometheus::Gauge>* scores = nullptr;
  std::int64_t logged = 0;

  std::mutex mutex;  // of everything below
  std::condition_variable changed;
  std::optional<std::string> next{};  // replaced by a newer outcome
  bool sending = false;
  bool closing = false;
  std::int64_t failures = 0;
  std::string problem;

  // Until `closing`; then sends what is left.
  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return next || closing; });
      if (!next) return;
      const std::string body = *std::exchange(next, std::nullopt);
      sending = true;
      lock.unlock();
      const std::string found = put(target, body, kPushPatience);
      lock.lock();
      sending = false;
      if (!found.empty()) {
        ++failures;
        problem = found;
      }
      changed.notify_all();
    }
  }
};

OutcomePush::OutcomePush(const std::string& url, const PushedRun& run) {
  if (url.empty()) return;
  state_ = std::make_shared<State>();
  state_->target = push_target(url, run.name);
  prometheus::Registry& r = state_->registry;
  prometheus::BuildGauge()
      .Name("incipit_run_info")
      .Help("Always 1; the labels describe the run.")
      .Register(r)
      .Add({{"run", run.name}, {"task", run.task}, {"method", run.method}})
      .Set(1);
  state_->success = &prometheus::BuildGauge()
                         .Name("incipit_last_success_timestamp_seconds")
                         .Help("Unix time at which the run ended well; 0: it has not.")
                         .Register(r)
                         .Add({});
  state_->scores = &prometheus::BuildGauge()
                        .Name("incipit_eval_score_ratio")
                        .Help("Score of the last evaluation of a split, 0 to 1.")
                        .Register(r);
  // Detached: a thread that resolves a name cannot be stopped, and must not keep the process.
  std::thread([state = state_] {
    block_sigpipe();
    state->run();
  }).detach();
  push();
}

OutcomePush::OutcomePush(OutcomePush&&) noexcept = default;

OutcomePush::~OutcomePush() {
  if (!state_) return;
  {
    std::unique_lock lock(state_->mutex);
    state_->closing = true;
    state_->changed.notify_all();
    state_->changed.wait_for(lock, kMostDelay, [&] { return !state_->sending && !state_->next; });
    if (state_->sending || state_->next) {
      ++state_->failures;
      state_->problem = "it did not answer before the run ended";
    }
  }
  (void)failures();
}

void OutcomePush::push() {
  const std::string text = prometheus::TextSerializer().Serialize(state_->registry.Collect());
  const std::lock_guard lock(state_->mutex);
  state_->next = text;
  state_->changed.notify_all();
}

void OutcomePush::record_scores(const std::string& task, const std::string& split,
                                std::span<const std::pair<std::string, double>> scores) {
  if (!state_) return;
  for (const auto& [metric, value] : scores) {
    if (value < 0 || value > 1) continue;
    state_->scores->Add({{"task", task}, {"split", split}, {"metric", metric}}).Set(value);
  }
}

void OutcomePush::record_success() {
  if (!state_) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state_->success->Set(std::chrono::duration<double>(now).count());
  push();
}

std::int64_t OutcomePush::failures() {
  if (!state_) return 0;
  const std::lock_guard lock(state_->mutex);
  if (state_->failures > state_->logged) {
    log::warn("metrics: {} pushes to {}:{} failed: {}", state_->failures, state_->target.host,
              state_->target.port, state_->problem);
    state_->logged = state_->failures;
  }
  return state_->failures;
}

}  // namespace incipit::telemetry
