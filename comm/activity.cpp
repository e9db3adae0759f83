#include "comm/activity.h"

#include <exception>

namespace incipit::comm {

using std::chrono::steady_clock;

static_assert(std::atomic<Operation>::is_always_lock_free);

std::string Collective::describe() const { return std::string(purpose.name()) + " (" + kind + ")"; }

std::string Activity::Snapshot::describe() const {
  std::string text = "step " + std::to_string(step) + ", in ";
  if (in_collective) return text + last_collective.describe();
  text += operation.name();
  if (*last_collective.kind != '\0') text += ", last collective " + last_collective.describe();
  return text;
}

void Activity::set_step(std::int64_t step) noexcept {
  step_.store(step, std::memory_order_relaxed);
  beat();
}

void Activity::beat() noexcept {
  last_beat_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_release);
}

Activity::Snapshot Activity::read() const noexcept {
  const steady_clock::time_point beat{
      steady_clock::duration(last_beat_.load(std::memory_order_acquire))};
  return {
      .step = step_.load(std::memory_order_relaxed),
      .operation = operation_.load(std::memory_order_relaxed),
      .last_collective = {collective_kind_.load(std::memory_order_relaxed),
                          collective_purpose_.load(std::memory_order_relaxed)},
      .in_collective = in_collective_.load(std::memory_order_relaxed),
      .idle = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - beat)};
}

Activity::Scope::Scope(Activity& activity, Operation operation) noexcept
    : activity_(activity),
      outer_(activity.operation_.exchange(operation, std::memory_order_relaxed)) {
  activity_.beat();
}

Activity::Scope::~Scope() {
  activity_.operation_.store(outer_, std::memory_order_relaxed);
  activity_.beat();
}

Activity::CollectiveScope::CollectiveScope(Activity& activity,
                                           const Collective& collective) noexcept
    : activity_(activity),
      outer_(activity.in_collective_.exchange(true, std::memory_order_relaxed)),
      exceptions_(std::uncaught_exceptions()) {
  activity_.collective_kind_.store(collective.kind, std::memory_order_relaxed);
  activity_.collective_purpose_.store(collective.purpose, std::memory_order_relaxed);
  activity_.beat();
}

Activity::CollectiveScope::~CollectiveScope() {
  if (std::uncaught_exceptions() > exceptions_) return;
  activity_.in_collective_.store(outer_, std::memory_order_relaxed);
  activity_.beat();
}

}  // namespace incipit::comm
