// A thread that sees when this rank stands still.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "comm/activity.h"
#include "comm/heartbeat.h"

namespace incipit::comm {

struct WatchdogOptions {
  int rank = 0;
  int size = 1;
  // Without any sign of progress for so long, the process ends with exit code 4 (and
  // mpirun ends the others). Longer than the time-out of one operation, which can tell more.
  // 0: never.
  std::chrono::milliseconds deadline = std::chrono::minutes(20);
  std::chrono::milliseconds interval = std::chrono::seconds(1);  // of looks and heartbeats
  // A rank whose heartbeat is older is called silent.
  std::chrono::milliseconds silent_after = std::chrono::seconds(10);
  std::filesystem::path heartbeat_folder{};  // empty: no heartbeat files
};

// Reads the activity's atomics; never calls MPI. When the deadline is past, it writes
// rank, step, operation and what is known of the other ranks to standard error, and calls
// _exit(4): the main thread may hang inside a library, so nothing is unwound.
//
// When a signal asks this rank to stop (core/stop_request.h) while it waits for others, it writes
// the same and does not end the process: a launcher that lost a rank sends the signal to the others
// and kills them a moment later.
class Watchdog {
 public:
  // Throws DataError when the heartbeat folder cannot be made.
  Watchdog(std::shared_ptr<const Activity> activity, WatchdogOptions options);
  // Removes this rank's heartbeat file: it ended, and is not silent.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // What the other ranks were last seen doing (for CommContext::diagnosis). Any thread.
  [[nodiscard]] std::string describe_others() const;

 private:
  void run(const std::stop_token& stop);
  void beat();
  void tell_of_a_stop(const Activity::Snapshot& seen);
  [[noreturn]] void end_process(const Activity::Snapshot& seen) const;
  [[nodiscard]] std::string with_others(const std::string& message) const;

  const std::shared_ptr<const Activity> activity_;
  const WatchdogOptions options_;
  Heartbeat self_;
  bool heartbeat_failed_ = false;
  bool told_of_a_stop_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace incipit::comm
