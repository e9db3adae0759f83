// The memory of a process.
#pragma once

namespace incipit {

// Keeps freed memory in the process instead of giving it back to the system. A training
// step frees and needs again hundreds of megabytes; without this every step pays for their
// pages anew. Call once, before the first large allocation.
void keep_freed_memory();

struct MemoryUse {
  double bytes = 0;       // now
  double peak_bytes = 0;  // the most so far
};

// The resident set of this process; zeros where the system does not say.
[[nodiscard]] MemoryUse resident_memory();

// What this machine's processes can still take, the one that asks included: free memory and swap,
// and no more than its control groups allow (Slurm, containers). Zero where the system does not
// say.
[[nodiscard]] double available_memory();

}  // namespace incipit
