// A thread that detects when this rank is stuck.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "comm/activity.h"
#include "comm/heartbeat.h"

namespace incipit::comm {

struct WatchdogOptions {
  int rank = 0;
  int size = 1;
  // If there is no progress for this long, the process exits with code 4, and mpirun ends the other
  // ranks. Should be longer than the timeout of one operation, whose message says more. 0: never.
  std::chrono::milliseconds deadline = std::chrono::minutes(20);
  std::chrono::milliseconds interval = std::chrono::seconds(1);  // of checks and heartbeats
  // A rank whose heartbeat is older than this is reported as silent.
  std::chrono::milliseconds silent_after = std::chrono::seconds(10);
  std::filesystem::path heartbeat_folder{};  // empty: no heartbeat files
  // Returns which ranks have not arrived (CommContext::absent). May be empty.
  std::function<std::string()> absent{};
  // Rank 0 (or 1) says once that it waits when a collective takes this long. 0: never.
  std::chrono::milliseconds notice_after{0};
};

// Reads the atomics of the activity and never calls MPI. When the deadline has passed, it writes
// the rank, step, operation and what is known about the other ranks to standard error and calls
// _exit(4). It does not unwind, since the main thread may hang inside a library.
//
// If a stop signal (core/stop_request.h) arrives while this rank waits for others, it writes the
// same but does not end the process: a launcher that lost a rank sends the signal to the other
// ranks and kills them shortly afterwards.
class Watchdog {
 public:
  // Throws DataError if the heartbeat folder cannot be created.
  Watchdog(std::shared_ptr<const Activity> activity, WatchdogOptions options);
  // Removes this rank's heartbeat file, so that other ranks do not report it as silent.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Ends the start, whose long waits are reported (notice_after). Main thread.
  void end_start();
  // Ends the start and begins with heartbeats and the deadline, for work that makes steady
  // progress. Throws DataError if the folder cannot be created. Main thread.
  void begin_work(std::filesystem::path heartbeat_folder, std::chrono::milliseconds deadline);

  // Returns what the other ranks were last seen doing (for CommContext::diagnosis). Any thread.
  [[nodiscard]] std::string describe_others() const;

 private:
  void run(const std::stop_token& stop);
  void beat();
  void tell_of_waiting(const Activity::Snapshot& seen);
  void tell_of_a_stop(const Activity::Snapshot& seen);
  [[noreturn]] void end_process(const Activity::Snapshot& seen) const;
  [[nodiscard]] std::string with_others(const std::string& message) const;

  const std::shared_ptr<const Activity> activity_;
  WatchdogOptions options_;  // changed by the main thread, with mutex_ locked
  Heartbeat self_;
  bool heartbeat_failed_ = false;
  bool told_of_a_stop_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace incipit::comm
