#include "core/stop_request.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>

#include "core/stop_signals.h"

namespace incipit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kOneRequest{1};  // signals within this time are one request
constexpr std::chrono::seconds kRankZeroFirst{1};

std::atomic<int> first_signal{0};
std::atomic<bool> ending{false};  // makes the waiting thread return

// The mutex guards the variables below it. Mutex and condition variable are never destroyed: in a
// program the waiting thread lives as long as the process.
std::mutex& mutex() {
  static auto& only = *new std::mutex;
  return only;
}
std::condition_variable& changed() {
  static auto& only = *new std::condition_variable;
  return only;
}
OnSignal on_signal = OnSignal::kEnd;
bool announces = false;
Clock::time_point first_at{};

const char* name_of(int signal) noexcept {
  switch (signal) {
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

// Bypasses streams and loggers, whose locks other threads may hold.
void say(const std::string& line) noexcept {
  if (!announces) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

// Ends the process by the signal's default action, so that its parent sees which signal it was.
void end_by(int signal) noexcept {
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
}

// Returns true for the first signal. Ends the process if this signal is a second request.
bool is_first(int signal) noexcept {
  if (first_signal.load() == 0) {
    first_at = Clock::now();
    first_signal.store(signal);
    return true;
  }
  if (Clock::now() - first_at > kOneRequest) ::_exit(128 + signal);
  return false;
}

// Rank 0 prints a message and exits. The other ranks wait for a second: if rank 0 is already under
// kStop, they reach kStop too, and all ranks stop together.
void leave(int signal, std::unique_lock<std::mutex>& lock) noexcept {
  if (!announces) {
    (void)is_first(signal);
    const auto followed = [] { return on_signal != OnSignal::kLeave; };
    if (changed().wait_for(lock, kRankZeroFirst, followed)) {
      if (on_signal == OnSignal::kEnd) end_by(signal);
      return;
    }
  }
  say(std::string("incipit: ") + name_of(signal) +
      ": stopped while starting, nothing was written; start the same command again\n");
  ::_exit(static_cast<int>(ExitCode::kStopped));
}

void deal_with(int signal) noexcept {
  std::unique_lock lock(mutex());
  switch (on_signal) {
    case OnSignal::kEnd:
      return end_by(signal);
    case OnSignal::kLeave:
      return leave(signal, lock);
    case OnSignal::kStop:
      if (!is_first(signal)) return;
      return say(std::string("incipit: ") + name_of(signal) +
                 ": stopping after this step, with a checkpoint; a second signal ends at once\n");
    case OnSignal::kDone:
      (void)is_first(signal);
  }
}

bool is_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_IGN;
}

}  // namespace

bool stop_requested() noexcept { return first_signal.load() != 0; }

const char* stop_signal() noexcept { return name_of(first_signal.load()); }

void request_stop(int signal) noexcept {
  const std::lock_guard lock(mutex());
  (void)is_first(signal);
}

void on_stop_signal(OnSignal now) noexcept {
  {
    const std::lock_guard lock(mutex());
    on_signal = now;
  }
  changed().notify_all();
}

StopSignals::StopSignals(OnSignal now, bool announce) {
  first_signal.store(0);
  ending.store(false);
  on_signal = now;
  announces = announce;
  ::sigemptyset(&blocked_);
  for (const int signal : kStopSignals) ::sigaddset(&blocked_, signal);
  ::pthread_sigmask(SIG_BLOCK, &blocked_, &mask_before_);
  const auto run = [](void* self) -> void* {
    static_cast<StopSignals*>(self)->wait_for_signals();
    return nullptr;
  };
  const int error = ::pthread_create(&thread_, nullptr, run, this);
  if (error != 0) throw std::system_error(error, std::generic_category(), "thread for signals");
}

StopSignals::~StopSignals() {
  ending.store(true);
  ::pthread_kill(thread_, SIGUSR1);
  ::pthread_join(thread_, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  first_signal.store(0);
}

// Linux delivers signals to sigwait even if they are ignored, so this function skips them.
void StopSignals::wait_for_signals() {
  ::pthread_setname_np(::pthread_self(), "stop-signals");
  while (true) {
    int signal = 0;
    const int error = ::sigwait(&blocked_, &signal);
    if (ending.load()) return;
    if (error == 0 && !is_ignored(signal)) deal_with(signal);
  }
}

}  // namespace incipit
