// JSON Lines: one JSON object a line (jsonlines.org).
//
// The file is mapped and read line by line; only one record is in memory at a time. Blank
// lines are passed over, a byte order mark and carriage returns are allowed, and a last
// line without a newline counts. Lines are counted from 1.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "data/task_options.h"

namespace incipit::data {

// One record, and where it stands.
//
// A field is named by its key, or by a path of keys and array positions joined by dots:
// "passage.text", "questions.0.idx". A key that itself holds the dots goes first.
class Record {
 public:
  // Parses `line`. Throws DataError "FILE:LINE: ..." on bytes that are not UTF-8, on
  // invalid or cut off JSON, and on JSON that is not an object.
  Record(std::string_view line, std::string file, std::int64_t line_number);
  ~Record();
  Record(Record&&) noexcept;
  Record& operator=(Record&&) noexcept;

  [[nodiscard]] bool has(std::string_view field) const;

  // A string as it is; a number or boolean as JSON writes it. Throws DataError, with file
  // and line, when the field is missing, null, an array or an object.
  [[nodiscard]] std::string text(std::string_view field) const;

  // The field's value as JSON text, to be written out again ("7", "\"a\""). Throws
  // DataError when it is missing.
  [[nodiscard]] std::string json_text(std::string_view field) const;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t line() const { return line_; }

  // Throws DataError "FILE:LINE: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view field) const;
  [[nodiscard]] const nlohmann::json& need(std::string_view field) const;

  std::unique_ptr<nlohmann::json> value_;
  std::string file_;
  std::int64_t line_ = 0;
};

class JsonlReader {
 public:
  // Throws DataError naming the file when it cannot be read.
  explicit JsonlReader(const std::filesystem::path& path);

  // The next record, or nothing at the end. Throws DataError as Record does; the reader
  // then stands behind the bad line and may be asked for the next.
  [[nodiscard]] std::optional<Record> next();

  // The record on line `number`. Throws DataError when there is no such line.
  [[nodiscard]] Record at_line(std::int64_t number);

  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }

 private:
  [[nodiscard]] std::optional<std::string_view> next_line();

  MappedFile file_;
  std::size_t offset_ = 0;
  std::int64_t line_ = 0;
};

// What happens to bad records of one file, as `on_bad_record` says.
class BadRecords {
 public:
  explicit BadRecords(const TaskOptions& options)
      : skip_(options.on_bad_record == OnBadRecord::kSkip), cap_(options.max_bad_records) {}

  // fail: throws `error` again. skip: warns and counts it; throws DataError, quoting
  // `error`, once there are more than max_bad_records.
  void add(const DataError& error);

  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  bool skip_;
  std::int64_t cap_;
  std::int64_t count_ = 0;
};

}  // namespace incipit::data
