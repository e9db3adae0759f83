#include "core/cores.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace incipit {
namespace {

namespace fs = std::filesystem;

// Parses "200000 100000" as 2 cores; "max" and "-1" mean no limit.
std::optional<double> ratio(std::istream&& quota, std::istream&& period) {
  double used = 0;
  double of = 0;
  if (!(quota >> used) || !(period >> of) || used <= 0 || of <= 0) return std::nullopt;
  return used / of;
}

std::optional<CpuQuota> quota_of_group(const fs::path& group) {
  std::string quota;
  std::string period;
  if (std::ifstream(group / "cpu.max") >> quota >> period) {
    if (const auto cores = ratio(std::istringstream(quota), std::istringstream(period))) {
      return CpuQuota{*cores, "cpu.max"};
    }
  }
  if (const auto cores = ratio(std::ifstream(group / "cpu.cfs_quota_us"),
                               std::ifstream(group / "cpu.cfs_period_us"))) {
    return CpuQuota{*cores, "cpu.cfs_quota_us"};
  }
  return std::nullopt;
}

void keep_smaller(std::optional<CpuQuota>& smallest, std::optional<CpuQuota> other) {
  if (other && (!smallest || other->cores < smallest->cores)) smallest = std::move(other);
}

// Returns the smallest quota of a group and its ancestors, up to the mount point. In a container
// the path may be the host's, of which only the mount point exists; "/../a" is a group outside the
// namespace.
std::optional<CpuQuota> quota_upwards(const fs::path& mount, const fs::path& group) {
  std::optional<CpuQuota> smallest = quota_of_group(mount);
  fs::path folder = mount;
  for (const fs::path& name : group.relative_path()) {
    if (name == "..") break;
    folder /= name;
    keep_smaller(smallest, quota_of_group(folder));
  }
  return smallest;
}

// Returns where the hierarchy of a line of /proc/self/cgroup may be mounted: "0::/a" is the v2
// hierarchy, "4:cpu,cpuacct:/a" is a v1 hierarchy.
std::vector<fs::path> mounts(const std::string& controllers, const fs::path& root) {
  if (controllers.empty()) return {root, root / "unified"};
  if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
    return {root / "cpu", root / controllers};
  }
  return {};
}

}  // namespace

std::optional<CpuQuota> cpu_quota(const fs::path& membership, const fs::path& root) {
  std::ifstream groups(membership);
  std::optional<CpuQuota> smallest;
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    for (const fs::path& mount : mounts(line.substr(first + 1, second - first - 1), root)) {
      keep_smaller(smallest, quota_upwards(mount, line.substr(second + 1)));
    }
  }
  return smallest;
}

int UsableCores::count() const {
  const double allowed = quota ? std::floor(quota->cores) : affinity;
  return static_cast<int>(std::clamp<double>(allowed, 1, std::max(1, affinity)));
}

std::string UsableCores::reason() const {
  std::ostringstream text;
  if (quota && quota->cores < affinity) {
    text << "cgroup " << quota->file << " allows " << quota->cores << " of " << affinity
         << " cores";
  } else if (affinity < machine) {
    text << "CPU affinity allows " << affinity << " of " << machine << " cores";
  } else {
    text << "the machine has " << machine << (machine == 1 ? " core" : " cores");
  }
  return text.str();
}

cpu_set_t own_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0) CPU_SET(0, &cores);
  return cores;
}

UsableCores usable_cores() {
  const cpu_set_t cores = own_cores();
  const int affinity = std::max(1, CPU_COUNT(&cores));
  const auto online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  return {.machine = std::max(online, affinity), .affinity = affinity, .quota = cpu_quota()};
}

}  // namespace incipit
