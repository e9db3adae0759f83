#include "core/memory.h"

#include <algorithm>
#include <cstdlib>  // defines __GLIBC__
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace incipit {
namespace {

constexpr double kKibibyte = 1024;

// Returns the smallest limit of a control group and its ancestors, read from files of this name
// below `root`.
double least_limit(const std::filesystem::path& root, std::filesystem::path group,
                   const char* name) {
  double least = std::numeric_limits<double>::infinity();
  while (true) {
    double limit = 0;
    std::ifstream file(root / group.relative_path() / name);
    if (file >> limit) least = std::min(least, limit);  // fails for "max": no limit
    if (!group.has_relative_path()) return least;
    group = group.parent_path();
  }
}

double group_limit() {
  std::ifstream groups("/proc/self/cgroup");
  double least = std::numeric_limits<double>::infinity();
  for (std::string line; std::getline(groups, line);) {
    const std::string group = line.substr(line.rfind(':') + 1);
    if (line.starts_with("0::")) {
      least = std::min(least, least_limit("/sys/fs/cgroup", group, "memory.max"));
    } else if (line.find(":memory:") != std::string::npos) {
      least = std::min(least, least_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

}  // namespace

void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);         // allocate large blocks from the heap as well
  ::mallopt(M_TRIM_THRESHOLD, -1);  // never return the end of the heap to the system
#endif
}

MemoryUse resident_memory() {
  MemoryUse use;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    if (name == "VmRSS:" && status >> use.bytes) use.bytes *= kKibibyte;
    if (name == "VmHWM:" && status >> use.peak_bytes) use.peak_bytes *= kKibibyte;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return use;
}

double available_memory() {
  std::ifstream info("/proc/meminfo");
  double free = 0;
  std::string word;
  while (info >> word) {
    double kibibytes = 0;
    if ((word == "MemAvailable:" || word == "SwapFree:") && info >> kibibytes) {
      free += kibibytes * kKibibyte;
    }
  }
  return std::min(free, group_limit());
}

}  // namespace incipit
