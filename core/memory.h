// The memory use of this process.
#pragma once

namespace incipit {

// Keeps freed memory in the process instead of returning it to the system. A training step frees
// and reallocates hundreds of megabytes; without this, every step pays for the page faults again.
// Call once, before the first large allocation.
void keep_freed_memory();

struct MemoryUse {
  double bytes = 0;       // current
  double peak_bytes = 0;  // maximum so far
};

// Returns the resident set size of this process, or zeros if the system does not report it.
[[nodiscard]] MemoryUse resident_memory();

// Returns the bytes that the processes of this machine, this one included, can still allocate: free
// memory and swap, at most the limit of this process's control groups (Slurm, containers). Returns
// zero if the system does not report it.
[[nodiscard]] double available_memory();

}  // namespace incipit
