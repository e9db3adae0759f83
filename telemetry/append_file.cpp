#include "telemetry/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace incipit::telemetry {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw DataError(path.string() + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, std::uint64_t kept) : path_(std::move(path)) {
  std::error_code ignored;  // open() reports the error
  std::filesystem::create_directories(path_.parent_path(), ignored);
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path_, "cannot be opened for writing");
  if (::ftruncate(file_, static_cast<off_t>(kept)) != 0) {
    const int saved = errno;
    ::close(file_);
    errno = saved;
    fail(path_, "cannot be truncated");
  }
}

AppendFile::~AppendFile() {
  if (file_ >= 0) ::close(file_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

void AppendFile::take_back(off_t bytes) noexcept {
  const off_t end = ::lseek(file_, 0, SEEK_END);
  [[maybe_unused]] const int result = bytes > 0 ? ::ftruncate(file_, end - bytes) : 0;
}

void AppendFile::append(std::string_view record) {
  std::size_t written = 0;
  while (written < record.size()) {
    const ssize_t count = ::write(file_, record.data() + written, record.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int cause = errno;
      take_back(static_cast<off_t>(written));
      errno = cause;
      fail(path_, "cannot be written");
    }
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace incipit::telemetry
