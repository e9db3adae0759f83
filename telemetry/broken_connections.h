// Keeps SIGPIPE from threads that write to connections through httplib.
#pragma once

#include <csignal>

namespace incipit::telemetry {

// In the calling thread and those that it starts, a write to a connection that the other side has
// closed is an error, and no signal that ends the process.
inline void block_sigpipe() {
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &broken, nullptr);
}

// Restores what SIGPIPE does. A server of httplib ignores it in the whole process, but a command
// whose output nobody reads any more should end.
class KeepSigpipe {
 public:
  KeepSigpipe() { (void)::sigaction(SIGPIPE, nullptr, &before_); }
  ~KeepSigpipe() { (void)::sigaction(SIGPIPE, &before_, nullptr); }
  KeepSigpipe(const KeepSigpipe&) = delete;
  KeepSigpipe& operator=(const KeepSigpipe&) = delete;

 private:
  struct sigaction before_ {};
};

}  // namespace incipit::telemetry
