// Keeps two processes from writing to one run directory.
#pragma once

#include <filesystem>

namespace incipit::launcher {

enum class LockFile {
  kExisting,  // lock the file if it is there
  kCreate,    // create it
};

// Locks a run directory for this process until it ends or locks another one. The lock is on the
// file .lock in the directory and belongs to the process (fcntl), so it is freed however the
// process ends. Throws ConfigError naming the process that has it. On a file system without locks,
// warns and continues without one. Call on rank 0.
void lock_run_dir(const std::filesystem::path& dir, LockFile file);

}  // namespace incipit::launcher
