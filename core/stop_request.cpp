#include "core/stop_request.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace incipit {
namespace {

constexpr std::int64_t kOneRequest = 1'000'000'000;  // ns in which signals are one request

std::atomic<int> first_signal{0};
std::atomic<std::int64_t> first_at{0};
std::atomic<bool> announced{false};
static_assert(std::atomic<int>::is_always_lock_free &&
              std::atomic<std::int64_t>::is_always_lock_free);

// All that follows is safe inside a handler.
std::int64_t now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void announce() noexcept {
  constexpr char kText[] =
      "incipit: a signal asks to stop: after this step, with a checkpoint; a second one ends at "
      "once\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof(kText) - 1);
}

extern "C" void on_stop_signal(int signal) {
  const int saved = errno;
  int none = 0;
  const std::int64_t at = now();
  if (first_at.load() == 0) first_at.store(at);
  if (first_signal.compare_exchange_strong(none, signal)) {
    if (announced.load()) announce();
  } else if (at - first_at.load() > kOneRequest) {
    ::_exit(128 + signal);
  }
  errno = saved;
}

void lower_flag() noexcept {
  first_signal.store(0);
  first_at.store(0);
}

}  // namespace

bool stop_requested() noexcept { return first_signal.load() != 0; }

const char* stop_signal() noexcept {
  switch (first_signal.load()) {
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGINT:
      return "SIGINT";
    default:
      return "";
  }
}

StopSignals::StopSignals(bool announce) {
  lower_flag();
  announced.store(announce);
  struct sigaction action {};
  action.sa_handler = &on_stop_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

StopSignals::~StopSignals() {
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  lower_flag();
}

}  // namespace incipit
