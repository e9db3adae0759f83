// The number of cores that this process may use.
#pragma once

#include <sched.h>

#include <filesystem>
#include <optional>
#include <string>

namespace incipit {

// A limit on CPU time, set by a control group (containers, batch systems).
struct CpuQuota {
  double cores = 0;  // seconds of CPU time per second
  std::string file;  // the file that sets the limit: "cpu.max" (v2) or "cpu.cfs_quota_us" (v1)
};

// Returns the smallest quota of this process's control groups and all their ancestors, or nothing
// if no group has a quota. `membership` has the format of /proc/self/cgroup; `root` is where the
// hierarchies are mounted. Files that are missing or cannot be read set no limit.
[[nodiscard]] std::optional<CpuQuota> cpu_quota(
    const std::filesystem::path& membership = "/proc/self/cgroup",
    const std::filesystem::path& root = "/sys/fs/cgroup");

struct UsableCores {
  int machine = 1;   // online cores of the machine
  int affinity = 1;  // those of them that this process may be scheduled on
  std::optional<CpuQuota> quota;

  // Returns the smaller of `affinity` and the quota, at least 1. Rounds fractions of a core down:
  // threads that wait for each other must not outnumber their cores.
  [[nodiscard]] int count() const;
  // Returns what determines count(): "cgroup cpu.max allows 2 of 64 cores".
  [[nodiscard]] std::string reason() const;
};

[[nodiscard]] cpu_set_t own_cores();  // cores that this process may be scheduled on
[[nodiscard]] UsableCores usable_cores();

}  // namespace incipit
