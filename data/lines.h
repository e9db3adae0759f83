// Text, line by line, of a mapped file or of a stream.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "core/files.h"

namespace incipit::data {

// Lines are counted from 1. A byte order mark in front of the first is left out, and a last line
// without a newline counts.
class LineReader {
 public:
  // Throws DataError naming the file when it cannot be read.
  explicit LineReader(const std::filesystem::path& path);
  // `stream` must outlive it; `name` stands in messages.
  LineReader(std::istream& stream, std::string name) : stream_(&stream), name_(std::move(name)) {}

  // The next line without its '\n', or nothing at the end. The view is valid until the next call.
  [[nodiscard]] std::optional<std::string_view> next();
  // The same, but passes over lines of nothing but white space.
  [[nodiscard]] std::optional<std::string_view> next_filled();
  // The last line is given once more by next(). Not twice in a row.
  void put_back() { again_ = true; }

  // Begins again. Only for files.
  void rewind();

  // The number of the last line given; 0 before the first.
  [[nodiscard]] std::int64_t number() const { return number_ - (again_ ? 1 : 0); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] bool read();

  std::optional<MappedFile> file_;
  std::istream* stream_ = nullptr;
  std::string name_;
  std::size_t offset_ = 0;    // of the file's next line
  std::size_t released_ = 0;  // memory of what was read before is given back now and then
  std::string buffer_;        // a stream's line
  std::string_view line_;
  std::int64_t number_ = 0;
  bool again_ = false;
};

// Throws DataError "FILE:LINE: ..." naming the first byte of `line` that is not UTF-8.
void check_utf8(std::string_view line, const std::string& file, std::int64_t number);

}  // namespace incipit::data
