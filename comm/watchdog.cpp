#include "comm/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "comm/library_watch.h"
#include "core/error.h"
#include "core/log.h"
#include "core/stop_request.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

// How soon a signal is noticed, and after how long in an operation a rank is considered waiting.
constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr std::chrono::milliseconds kWaiting{300};

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

void make_folder(const std::filesystem::path& folder) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw DataError(folder.string() +
                    ": cannot make the folder for heartbeats: " + error.message());
  }
}

}  // namespace

Watchdog::Watchdog(std::shared_ptr<const Activity> activity, WatchdogOptions options)
    : activity_(std::move(activity)), options_(std::move(options)) {
  self_.rank = options_.rank;
  self_.host = host_name();
  self_.pid = ::getpid();
  make_folder(options_.heartbeat_folder);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Watchdog::~Watchdog() {
  thread_.request_stop();
  thread_.join();
  if (!options_.heartbeat_folder.empty()) {
    remove_heartbeat(options_.heartbeat_folder, options_.rank);
  }
}

void Watchdog::end_start() {
  const std::lock_guard lock(mutex_);
  options_.notice_after = {};
}

void Watchdog::begin_work(std::filesystem::path heartbeat_folder,
                          std::chrono::milliseconds deadline) {
  make_folder(heartbeat_folder);
  const std::lock_guard lock(mutex_);
  options_.heartbeat_folder = std::move(heartbeat_folder);
  options_.deadline = deadline;
  options_.notice_after = {};
}

std::string Watchdog::describe_others() const {
  std::vector<std::string> known;
  if (options_.absent) known.push_back(options_.absent());
  if (!options_.heartbeat_folder.empty()) {
    known.push_back(comm::describe_others(options_.heartbeat_folder, options_.rank, options_.size,
                                          activity_->read().describe(), options_.silent_after));
  }
  std::erase(known, "");
  return join(known, "; ");
}

void Watchdog::beat() {
  if (options_.heartbeat_folder.empty()) return;
  const Activity::Snapshot now = activity_->read();
  self_.doing = now.describe();
  self_.idle_seconds = seconds(now.idle);
  self_.written = std::chrono::system_clock::now();
  const bool written = write_heartbeat(options_.heartbeat_folder, self_);
  if (!written && !heartbeat_failed_) {
    log::warn("cannot write heartbeats into {}; the run continues without",
              options_.heartbeat_folder.string());
  }
  heartbeat_failed_ = !written;
}

void Watchdog::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  auto next_beat = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    if (const auto now = std::chrono::steady_clock::now(); now >= next_beat) {
      beat();
      next_beat = now + options_.interval;
    }
    const Activity::Snapshot seen = activity_->read();
    if (options_.deadline.count() > 0 && seen.idle > options_.deadline) end_process(seen);
    if (options_.notice_after.count() > 0) tell_of_waiting(seen);
    if (stop_requested()) tell_of_a_stop(seen);
    wake_.wait_for(lock, stop, std::min(options_.interval, kBetweenLooks), [] { return false; });
  }
}

std::string Watchdog::with_others(const std::string& message) const {
  const std::string others = describe_others();
  return "incipit (rank " + std::to_string(options_.rank) + " of " + std::to_string(options_.size) +
         "): " + message + (others.empty() ? "" : "; " + others);
}

void Watchdog::tell_of_a_stop(const Activity::Snapshot& seen) {
  if (told_of_a_stop_ || !seen.in_collective || seen.idle < kWaiting) return;
  told_of_a_stop_ = true;
  write_to_standard_error(
      with_others("a signal asks to stop, and this rank waits for others at " + seen.describe()) +
      "\n");
}

void Watchdog::tell_of_waiting(const Activity::Snapshot& seen) {
  // Rank 1 speaks for the case that rank 0 is the one that hangs.
  if (options_.rank > 1 || !seen.in_collective) return;
  if (seen.idle < options_.notice_after * (options_.rank + 1)) return;
  options_.notice_after = {};
  write_to_standard_error(with_others("has waited " + human_seconds(seconds(seen.idle)) +
                                      " for the other ranks at " +
                                      seen.last_collective.describe()) +
                          "\n");
}

void Watchdog::end_process(const Activity::Snapshot& seen) const {
  write_to_standard_error(with_others("watchdog: nothing has moved for " +
                                      human_seconds(seconds(seen.idle)) + " at " +
                                      seen.describe()) +
                          "; ending with exit code 4\n");
  ::_exit(static_cast<int>(ExitCode::kComm));
}

}  // namespace incipit::comm
