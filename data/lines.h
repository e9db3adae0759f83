// Reads a mapped file or a stream line by line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "core/files.h"

namespace incipit::data {

// The most bytes of a line and of a record: a longer one takes many times its size in memory.
constexpr std::size_t kMaxRecordBytes = std::size_t{16} << 20;

// Lines are counted from 1. A byte order mark before the first line is dropped. A last line without
// a newline counts.
class LineReader {
 public:
  // A file compressed with gzip is unpacked in memory. Throws DataError naming the file when it
  // cannot be read, or is something other than text (data/file_kind.h).
  explicit LineReader(const std::filesystem::path& path);
  // `stream` must outlive the reader; `name` is used in messages.
  LineReader(std::istream& stream, std::string name) : stream_(&stream), name_(std::move(name)) {}

  // Returns the next line without its '\n', or nothing at the end. The view is valid until the next
  // call. Throws FileError if the line is longer than kMaxRecordBytes.
  [[nodiscard]] std::optional<std::string_view> next();
  // Like next(), but skips lines that are empty or only white space.
  [[nodiscard]] std::optional<std::string_view> next_filled();
  // Makes next() return the last line again. Must not be called twice in a row.
  void put_back() { again_ = true; }

  // Restarts at the first line. Files only.
  void rewind();

  // Returns the number of the last line returned; 0 before the first.
  [[nodiscard]] std::int64_t number() const { return number_ - (again_ ? 1 : 0); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] bool read();
  [[nodiscard]] std::string_view text() const { return unpacked_ ? *unpacked_ : file_->text(); }

  std::optional<MappedFile> file_;
  std::optional<std::string> unpacked_;  // the text of a compressed file
  std::istream* stream_ = nullptr;
  std::string name_;
  std::size_t offset_ = 0;    // of the next line in the file
  std::size_t released_ = 0;  // memory before this offset has been released
  std::string buffer_;        // the current line of a stream
  std::string_view line_;
  std::int64_t number_ = 0;
  bool again_ = false;
};

// Reads the next line of a stream, of which `number` is the line. Returns false at the end. Throws
// FileError "NAME:NUMBER: ..." if the line is longer than kMaxRecordBytes.
[[nodiscard]] bool read_line(std::istream& stream, std::string& line, const std::string& name,
                             std::int64_t number);

// Throws FileError: the record that begins on line `number` is longer than kMaxRecordBytes.
[[noreturn]] void fail_too_long(const std::string& file, std::int64_t number);

// Throws DataError "FILE:LINE: ..." naming the first byte of `line` that is not valid UTF-8.
void check_utf8(std::string_view line, const std::string& file, std::int64_t number);

}  // namespace incipit::data
