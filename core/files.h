// Reads files by memory mapping, and replaces them atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace incipit {

// A read-only, private mapping of a whole file. Empty files map to an empty span.
class MappedFile {
 public:
  // Throws DataError with the file's name if it cannot be opened, is not a regular file, or is a
  // Git LFS pointer. Does not wait for the writer of a pipe.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data_), size_};
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // Releases the memory of the whole pages in byte range [begin, end). The next access reads them
  // from the file again.
  void release(std::size_t begin, std::size_t end) const noexcept;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Returns the whole file as text. Throws DataError with the file's name, also if it has more than
// `most` bytes.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;
[[nodiscard]] std::string read_text(const std::filesystem::path& path,
                                    std::size_t most = kMaxTextBytes);

// A folder at a path, to notice later that the path leads to another folder or to none.
class KnownFolder {
 public:
  // Throws DataError if there is no such folder.
  explicit KnownFolder(std::filesystem::path path);
  // Throws DataError that names the folder if it was removed, moved or replaced.
  void require_unchanged() const;

 private:
  std::filesystem::path path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// Throws DataError with the file's name unless it is a regular file: reading a pipe or a device may
// wait for ever or never end.
void require_regular_file(const std::filesystem::path& path);

// Returns whether there is a pipe, a device or a socket at `path`, as /dev/stdout: to be written
// to, never to be replaced.
[[nodiscard]] bool is_special_file(const std::filesystem::path& path);

// Writes `content` to a temporary file beside `path`, syncs it and renames it over `path`. A reader
// sees either the old file or the new one, never a partial file. A pipe or device is written to
// instead. Creates missing parent folders.
// Throws DataError with the file's name.
void write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace incipit
