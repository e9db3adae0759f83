#include "launcher/run_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/log.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

// The file that this process has locked. It stays open: closing any descriptor of a file frees the
// process's locks on it.
struct Held {
  int descriptor = -1;
  dev_t device = 0;
  ino_t inode = 0;
};

Held& held() {
  static Held held;
  return held;
}

bool holds(const fs::path& file) {
  struct stat status {};
  return held().descriptor >= 0 && ::stat(file.c_str(), &status) == 0 &&
         status.st_dev == held().device && status.st_ino == held().inode;
}

[[noreturn]] void refuse_locked(const fs::path& dir, int descriptor) {
  struct flock other {};
  other.l_type = F_WRLCK;
  other.l_whence = SEEK_SET;
  const bool known = ::fcntl(descriptor, F_GETLK, &other) == 0 && other.l_type != F_UNLCK;
  ::close(descriptor);
  const std::string who = known && other.l_pid > 0 ? "process " + std::to_string(other.l_pid)
                                                   : std::string("a process on another machine");
  throw ConfigError(dir.string() + ": " + who +
                    " writes to this run directory; wait for it, or set run.output_dir. Was the "
                    "program started several times without mpirun?");
}

}  // namespace

void lock_run_dir(const fs::path& dir, LockFile file) {
  const fs::path path = dir / ".lock";
  if (holds(path)) return;
  const int create = file == LockFile::kCreate ? O_CREAT : 0;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | create, 0644);
  if (descriptor < 0) {
    if (file == LockFile::kExisting) return;
    throw DataError(path.string() + ": cannot create: " + std::strerror(errno));
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_SETLK, &lock) != 0) {
    if (errno == EACCES || errno == EAGAIN) refuse_locked(dir, descriptor);
    log::warn("{}: cannot be locked ({}); nothing keeps another process from writing to it",
              path.string(), std::strerror(errno));
  }
  if (held().descriptor >= 0) ::close(held().descriptor);
  struct stat status {};
  (void)::fstat(descriptor, &status);
  held() = {.descriptor = descriptor, .device = status.st_dev, .inode = status.st_ino};
}

}  // namespace incipit::launcher
