// Heartbeat files: how ranks see each other when they no longer answer.
//
// The watchdog of every rank writes rank-N.heartbeat into a folder that all ranks see (on a
// cluster, a shared file system; otherwise ranks of one machine see each other). Lines of
// "key value": rank, host, pid, step, doing, idle_seconds, written (seconds since 1970).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
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

// Replaces the file of beat.rank; false when that failed (a full disk must not end a run).
[[nodiscard]] bool write_heartbeat(const std::filesystem::path& folder, const Heartbeat& beat);

void remove_heartbeat(const std::filesystem::path& folder, int rank) noexcept;

// Nothing when the file is missing or not whole.
[[nodiscard]] std::optional<Heartbeat> read_heartbeat(const std::filesystem::path& folder,
                                                      int rank);

// One sentence on the other ranks of a world of `size`, for an error message of `rank`,
// which is itself `doing`: those whose heartbeat is older than `silent_after` (dead, stopped,
// or their machine is); else those that do something else, which are the ones waited for;
// else the one that has stood still longest. Empty when nothing is known.
[[nodiscard]] std::string describe_others(const std::filesystem::path& folder, int rank, int size,
                                          const std::string& doing,
                                          std::chrono::milliseconds silent_after);

}  // namespace incipit::comm
