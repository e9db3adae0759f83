// What a process does with memory that it frees.
#pragma once

namespace incipit {

// Keeps freed memory in the process instead of giving it back to the system. A training
// step frees and needs again hundreds of megabytes; without this every step pays for their
// pages anew. Call once, before the first large allocation.
void keep_freed_memory();

}  // namespace incipit
