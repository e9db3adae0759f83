#include "core/memory.h"

#include <cstdlib>  // defines __GLIBC__
#include <fstream>
#include <limits>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace incipit {

void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);         // large blocks come from the heap as well
  ::mallopt(M_TRIM_THRESHOLD, -1);  // whose end is never given back
#endif
}

MemoryUse resident_memory() {
  constexpr double kKibibyte = 1024;
  MemoryUse use;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    if (name == "VmRSS:" && status >> use.bytes) use.bytes *= kKibibyte;
    if (name == "VmHWM:" && status >> use.peak_bytes) use.peak_bytes *= kKibibyte;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return use;
}

}  // namespace incipit
