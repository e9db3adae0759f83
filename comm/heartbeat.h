// Heartbeat files: show what ranks are doing when they no longer respond.
//
// The watchdog of every rank writes rank-N.heartbeat into a common folder (on a cluster, in a
// shared file system; otherwise only ranks of one machine see each other). The file has lines of
// "key value": rank, host, pid, doing, idle_seconds, written (seconds since 1970).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace incipit::comm {

struct Heartbeat {
  int rank = 0;
  std::string host;
  int pid = 0;
  std::string doing;  // Activity::Snapshot::describe()
  double idle_seconds = 0;
  std::chrono::system_clock::time_point written;
};

// Replaces the heartbeat file of beat.rank. Returns false on failure: a full disk must not end a
// run.
[[nodiscard]] bool write_heartbeat(const std::filesystem::path& folder, const Heartbeat& beat);

void remove_heartbeat(const std::filesystem::path& folder, int rank) noexcept;

// Returns a rank's heartbeat, or nothing if the file is missing or incomplete.
[[nodiscard]] std::optional<Heartbeat> read_heartbeat(const std::filesystem::path& folder,
                                                      int rank);

// Describes the other ranks of a world of `size`, for an error message of `rank`, whose own state
// is `doing`. Names the ranks whose heartbeat is older than `silent_after` (they or their machines
// are dead or stopped). If there are none, names the ranks that do something else, for which this
// rank waits; if there are none, the rank that has been idle longest. Returns "" if nothing is
// known.
[[nodiscard]] std::string describe_others(const std::filesystem::path& folder, int rank, int size,
                                          const std::string& doing,
                                          std::chrono::milliseconds silent_after);

[[nodiscard]] std::string host_name();
// Returns "node3, process 17" for this process.
[[nodiscard]] std::string process_name();

// Joins at most 8 parts, so that the message stays readable for a thousand ranks.
[[nodiscard]] std::string first_few(std::span<const std::string> parts);

}  // namespace incipit::comm
