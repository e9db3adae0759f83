#include "core/memory.h"

#include <cstdlib>  // defines __GLIBC__

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

}  // namespace incipit
