// Waiting for something that only calls make progress on (MPI, NCCL).
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace incipit::comm {

// Calls `done()` until it is true or the deadline is past, and says which. For as long as
// `patience` it only yields the core between calls, then it sleeps for growing moments, so
// that ranks that share a core with the one they wait for do not starve it.
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
