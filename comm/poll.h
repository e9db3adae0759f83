// Waits for operations that must be polled (MPI, NCCL).
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace incipit::comm {

// Calls `done()` until it returns true or the deadline has passed. Returns whether it returned
// true. Between calls it yields the core for the duration `patience`, and after that sleeps for
// growing intervals, so that a rank does not starve the rank that it waits for on a shared core.
template <typename Done>
[[nodiscard]] bool poll_until(std::chrono::steady_clock::time_point deadline,
                              std::chrono::microseconds patience, Done&& done) {
  using std::chrono::microseconds;
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  microseconds pause{10};
  while (!done()) {
    const auto now = steady_clock::now();
    if (now >= deadline) return false;
    if (now - start < patience) {
      ::sched_yield();
    } else {
      std::this_thread::sleep_for(pause);
      pause = std::min(pause + pause / 4, microseconds(200));
    }
  }
  return true;
}

}  // namespace incipit::comm
