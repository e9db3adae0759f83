// Stopping a long run with a signal, without a signal handler.
//
//   int main() {
//     static StopSignals& signals = *new StopSignals(OnSignal::kLeave, rank == 0);
//     ... read what the run needs ...
//     on_stop_signal(OnSignal::kStop);
//     while (... && !stop_requested()) ...
//
// A handler runs on the stack of whichever thread the kernel picks. oneDNN's float32 kernels keep
// data below the stack pointer there, and a handler overwrites it: wrong numbers or a crash
// (docs/decisions/0008-signals-are-waited-for.md). SIGTERM, SIGUSR1 and SIGINT are therefore
// blocked in all threads, and one thread waits for them with sigwait.
#pragma once

#include <pthread.h>

#include <csignal>
#include <string>

#include "core/error.h"

namespace incipit {

// Work remains after a stop was requested. Nothing is wrong: start it again.
class Stopped : public Error {
 public:
  explicit Stopped(const std::string& message) : Error(ExitCode::kStopped, message) {}
};

// What the next SIGTERM, SIGUSR1 or SIGINT does.
enum class OnSignal {
  kEnd,    // the process ends by the signal, as if it were not blocked
  kLeave,  // the process ends with exit code 75 at once: it has written nothing yet
  kStop,   // stop_requested() becomes true, and the work ends at its next good moment
  kDone,   // nothing: all results are written, and the exit code is settled
};

// Whether a stop was requested. Any thread.
[[nodiscard]] bool stop_requested() noexcept;

// "SIGUSR1", the signal that came first; "" when none did.
[[nodiscard]] const char* stop_signal() noexcept;

// Does what `signal`, one of kStopSignals, does under kStop: for a program that decides
// to stop by itself, and for tests. Any thread.
void request_stop(int signal) noexcept;

// Changes what a signal does from now on. Returns once a signal that was taken before has had its
// effect, so that a process that leaves by kLeave does nothing more. Any thread.
void on_stop_signal(OnSignal now) noexcept;

// Blocks the signals in the calling thread and waits for them in a thread of its own. Make it
// before any other thread, since threads inherit the mask of the one that starts them; a program
// whose libraries start threads while they are loaded must block the signals earlier, as
// launcher/front.cpp does. One at a time.
//
// Signals that the process was started to ignore (nohup, a shell's background jobs) stay ignored.
// After the first signal under kStop or kDone a further one ends the process with exit code
// 128 + its number, unless it comes within a second: launchers and batch systems send a signal to
// a process and to its group, and that is meant once.
class StopSignals {
 public:
  // With `announce`, for rank 0, kLeave and kStop acknowledge the first signal on standard error.
  // The other ranks leave a second later than rank 0, whose end ends them; if they come to kStop
  // before, the signal counts there. No stop is requested at first.
  StopSignals(OnSignal now, bool announce);
  // Restores the mask of the calling thread, which must be the one that made this.
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
