// Asking a long run to stop at its next good moment, by a signal.
//
//   const StopSignals signals(rank == 0);
//   while (... && !stop_requested()) ...
//
// SIGTERM, SIGUSR1 and SIGINT set a flag that the work looks at. A further one ends the process
// at once, unless it comes within a second of the first: launchers and batch systems send a
// signal to a process and to its group, and that is meant once.
#pragma once

#include <csignal>
#include <string>

#include "core/error.h"

namespace incipit {

// Work was left since a stop was requested. Nothing is wrong: start it again.
class Stopped : public Error {
 public:
  explicit Stopped(const std::string& message) : Error(ExitCode::kStopped, message) {}
};

// Whether a signal has come. Any thread.
[[nodiscard]] bool stop_requested() noexcept;

// "SIGUSR1", the signal that came first; "" when none did.
[[nodiscard]] const char* stop_signal() noexcept;

// The handlers, for as long as this lives. One at a time; the flag is down at first and at last.
class StopSignals {
 public:
  // With `announce` the first signal is acknowledged on standard error.
  explicit StopSignals(bool announce);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static constexpr int kSignals[] = {SIGTERM, SIGUSR1, SIGINT};

 private:
  struct sigaction before_[3]{};
};

}  // namespace incipit
