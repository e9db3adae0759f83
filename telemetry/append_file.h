// A file that grows by whole records.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace incipit::telemetry {

class AppendFile {
 public:
  // Opens `path` for appending, creates it and missing parent folders, and cuts it to its first
  // `kept` bytes. Throws DataError with the file's name.
  AppendFile(std::filesystem::path path, std::uint64_t kept);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Throws DataError with the file's name if the record cannot be written (disk full), and removes
  // the partial record, which would damage the next one.
  void append(std::string_view record);

 private:
  void take_back(off_t bytes) noexcept;

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace incipit::telemetry
