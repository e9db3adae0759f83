// Stops a long run on a signal, without a signal handler.
//
//   int main() {
//     static StopSignals& signals = *new StopSignals(OnSignal::kLeave, rank == 0);
//     ... read what the run needs ...
//     on_stop_signal(OnSignal::kStop);
//     while (... && !stop_requested()) ...
//
// A signal handler runs on the stack of any thread that the kernel picks. oneDNN's float32 kernels
// keep data below the stack pointer, and a handler overwrites it: wrong numbers or a crash
// (docs/decisions/0008-signals-are-waited-for.md). SIGTERM, SIGUSR1 and SIGINT are therefore
// blocked in all threads, and one thread waits for them with sigwait.
#pragma once

#include <pthread.h>

#include <csignal>
#include <string>

#include "core/error.h"

namespace incipit {

// Thrown when a stop was requested before the work was complete. This is not a fault: start the
// run again.
class Stopped : public Error {
 public:
  explicit Stopped(const std::string& message) : Error(ExitCode::kStopped, message) {}
};

// The effect of the next SIGTERM, SIGUSR1 or SIGINT.
enum class OnSignal {
  kEnd,    // the signal ends the process, as if it were not blocked
  kLeave,  // the process exits at once with code 75: it has not written anything yet
  kStop,   // stop_requested() becomes true, and the work ends at the next suitable point
  kDone,   // none: all results are written, and the exit code is decided
};

// Returns whether a stop was requested. Any thread.
[[nodiscard]] bool stop_requested() noexcept;

// Returns the name of the first signal ("SIGUSR1"), or "" if there was none.
[[nodiscard]] const char* stop_signal() noexcept;

// Has the effect that `signal`, one of kStopSignals, has under kStop. For tests, and for programs
// that stop without a signal. Any thread.
void request_stop(int signal) noexcept;

// Changes the effect of signals from now on. If a signal was received before, returns after it has
// taken effect, so that a process that exits through kLeave does nothing more. Any thread.
void on_stop_signal(OnSignal now) noexcept;

// Blocks the signals in the calling thread and waits for them in a separate thread. Construct it
// before any other thread starts, since threads inherit the signal mask of the thread that starts
// them. A program whose libraries start threads while they are loaded must block the signals
// earlier, as launcher/front.cpp does. At most one object at a time.
//
// Signals that the process was started to ignore (nohup, a shell's background jobs) stay ignored.
// After a first signal under kStop or kDone, another one ends the process with exit code 128 + its
// number, unless it arrives within a second: launchers and batch systems send the same request to a
// process and to its group.
class StopSignals {
 public:
  // With `announce` (rank 0), kLeave and kStop acknowledge the first signal on standard error.
  // Under kLeave the other ranks exit one second after rank 0, whose exit ends them; a rank that
  // reaches kStop within that second treats the signal as under kStop. Initially no stop is
  // requested.
  StopSignals(OnSignal now, bool announce);
  // Restores the mask of the calling thread, which must be the thread that constructed the object.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  void wait_for_signals();

  sigset_t blocked_{};
  sigset_t mask_before_{};
  pthread_t thread_{};
};

}  // namespace incipit
