#include "core/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace incipit {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw DataError(path.string() + ": " + what + ": " + std::strerror(errno));
}

void require_regular(const std::filesystem::path& path, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return;
  throw DataError(path.string() + ": not a regular file (a folder, pipe or device); give a file, " +
                  "or write the data to one first");
}

// Returns whether all bytes were written; otherwise errno says why not.
bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno != EINTR) return false;
    content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  return true;
}

// A repository cloned without Git LFS has a short text in the place of each large file.
void refuse_lfs_pointer(const std::filesystem::path& path, std::string_view text) {
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";
  if (!text.starts_with(kPointer)) return;
  throw DataError(path.string() +
                  ": is a Git LFS pointer, not the file itself; fetch the file: git "
                  "lfs pull");
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a pipe would wait for its writer. Regular files ignore it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail(path, "cannot open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(path, "cannot read its size");
  require_regular(path, status);
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail(path, "cannot map");
  data_ = static_cast<const std::byte*>(mapped);
  try {
    refuse_lfs_pointer(path, text());
  } catch (...) {
    ::munmap(mapped, size_);
    throw;
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::release(std::size_t begin, std::size_t end) const noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;
  end = end / page * page;
  if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

std::string read_text(const std::filesystem::path& path, std::size_t most) {
  const MappedFile file(path);
  if (file.text().size() > most) {
    throw DataError(path.string() + ": has " + std::to_string(file.text().size()) +
                    " bytes; such a file may have " + std::to_string(most));
  }
  return std::string(file.text());
}

void require_regular_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(path, "cannot open");
  require_regular(path, status);
}

KnownFolder::KnownFolder(std::filesystem::path path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) fail(path_, "cannot open");
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

void KnownFolder::require_unchanged() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    return;
  }
  throw DataError(path_.string() + ": the folder was removed, moved or replaced while it was in " +
                  "use; nothing more is written there");
}

bool is_special_file(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

void write_atomically(const std::filesystem::path& path, std::string_view content) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw DataError(path.parent_path().string() + ": cannot create: " + error.message());
  }
  if (is_special_file(path)) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !write_all(file.get(), content)) fail(path, "cannot write");
    return;
  }
  const std::filesystem::path temporary = path.string() + ".tmp." + std::to_string(::getpid());
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) fail(temporary, "cannot create");
    if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
      const int cause = errno;
      ::unlink(temporary.c_str());
      errno = cause;
      fail(temporary, "cannot write");
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int cause = errno;
  ::unlink(temporary.c_str());
  errno = cause;
  fail(path, "cannot replace");
}

}  // namespace incipit
