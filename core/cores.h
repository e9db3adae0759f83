// How many cores this process may keep busy.
#pragma once

#include <sched.h>

#include <filesystem>
#include <optional>
#include <string>

namespace incipit {

// A limit on processor time, set by a control group (containers, batch systems).
struct CpuQuota {
  double cores = 0;  // seconds of processor time per second
  std::string file;  // the file that says so: "cpu.max" (v2) or "cpu.cfs_quota_us" (v1)
};

// Returns the smallest quota of this process's control groups and of every group above them;
// nothing where no group has one. `membership` has the format of /proc/self/cgroup, `root` is where
// the hierarchies are mounted. Files that are absent or cannot be read set no limit.
[[nodiscard]] std::optional<CpuQuota> cpu_quota(
    const std::filesystem::path& membership = "/proc/self/cgroup",
    const std::filesystem::path& root = "/sys/fs/cgroup");

struct UsableCores {
  int machine = 1;   // cores of the machine that are online
  int affinity = 1;  // of these, cores that this process may be scheduled on
  std::optional<CpuQuota> quota;

  // The smaller of `affinity` and the quota, at least 1. A fraction of a core is rounded down:
  // threads that wait for each other must not outnumber the cores they get.
  [[nodiscard]] int count() const;
  // What decides count(): "cgroup cpu.max allows 2 of 64 cores".
  [[nodiscard]] std::string reason() const;
};

[[nodiscard]] cpu_set_t own_cores();  // cores that this process may be scheduled on
[[nodiscard]] UsableCores usable_cores();

}  // namespace incipit
