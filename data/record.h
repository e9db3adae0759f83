// Records: the entries of a task's files, in any format.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "data/task_options.h"

namespace incipit::data {

// One record and its position in a file.
//
// A field is named by its key, or by a path of keys and array indices joined by dots:
// "passage.text", "questions.0.idx". A key that itself contains the dots takes precedence.
//
// A copy shares the JSON. bind() returns a record with an extra name for one part: with "answer"
// bound to passage.questions.0.answers.2, "answer.text" is a field. Bound names take precedence
// over the record's own.
class Record {
 public:
  // Parses a line of JSON. Throws DataError "FILE:LINE: ..." on bytes that are not UTF-8, on
  // invalid or truncated JSON, and on JSON that is not an object.
  Record(std::string_view json, std::string file, std::int64_t line_number);
  // Makes a record whose fields are all text: field names[i] has the value values[i]. Names are
  // distinct.
  Record(std::span<const std::string> names, std::span<const std::string> values, std::string file,
         std::int64_t line_number);
  ~Record();
  Record(const Record&);
  Record& operator=(const Record&);
  Record(Record&&) noexcept;
  Record& operator=(Record&&) noexcept;

  // Returns the same record with `name` bound to the value at `path`. Throws DataError when there
  // is no value.
  [[nodiscard]] Record bind(std::string_view name, std::string_view path) const;

  // Returns the number of elements of the list at `path`; "PATH.0" is the first element. Throws
  // DataError "PATH is no list" when it is missing or not a list.
  [[nodiscard]] std::int64_t list_size(std::string_view path) const;

  [[nodiscard]] bool has(std::string_view field) const;

  // Returns a string unchanged, a number or boolean as JSON. Throws DataError with file and line
  // when the field is missing, null, an array or an object.
  [[nodiscard]] std::string text(std::string_view field) const;

  // Returns the field's value as JSON text, to be written out again ("7", "\"a\""). Throws
  // DataError when it is missing.
  [[nodiscard]] std::string json_text(std::string_view field) const;

  // Returns the whole record as one line of JSON, without bound names.
  [[nodiscard]] std::string as_json() const;

  // Returns the record's JSON for modification, copying it first if it is shared. The record must
  // not have bound names.
  [[nodiscard]] nlohmann::json& own_json();

  // Returns the bound names, then the names of the top-level fields in alphabetical order.
  [[nodiscard]] std::vector<std::string> names() const;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t line() const { return line_; }  // line where it begins, from 1

  // Throws DataError "FILE:LINE: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  struct Binding {
    std::string name;
    std::string path;  // from the record's root, for messages
    const nlohmann::json* value;
  };
  [[nodiscard]] const Binding* binding(std::string_view name) const;
  [[nodiscard]] const nlohmann::json* find(std::string_view field) const;
  [[nodiscard]] const nlohmann::json& need(std::string_view field) const;
  [[nodiscard]] std::string full_path(std::string_view field) const;
  [[noreturn]] void fail_missing(std::string_view field) const;

  std::shared_ptr<nlohmann::json> value_;
  std::vector<Binding> bindings_;
  std::string file_;
  std::int64_t line_ = 0;
};

// An error of the file as a whole: no later record can be read, so there is none to skip.
class FileError : public DataError {
 public:
  using DataError::DataError;
};

// Reads the records of a file or stream one at a time; only one is in memory. Readers are created
// by the functions of data/records.h.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Returns the next record, or nothing at the end. Throws DataError "FILE:LINE: ..." on a record
  // that cannot be read. The reader is then after that record and can continue, except after
  // FileError.
  [[nodiscard]] virtual std::optional<Record> next() = 0;

  // Returns the record that begins on line `number`. Throws DataError when there is none. Not for
  // streams.
  [[nodiscard]] virtual Record at_line(std::int64_t number) = 0;

  // Returns the columns that every record has, in header order; empty for formats without a header.
  [[nodiscard]] virtual const std::vector<std::string>& columns() const;

 protected:
  [[noreturn]] static void fail_no_record(const std::string& file, std::int64_t line);
};

// Handles the bad records of one file as `on_bad_record` says.
class BadRecords {
 public:
  explicit BadRecords(const TaskOptions& options)
      : skip_(options.on_bad_record == OnBadRecord::kSkip), cap_(options.max_bad_records) {}

  // fail, and any FileError: rethrows `error`. skip: warns and counts it; throws DataError quoting
  // `error` once there are more than max_bad_records.
  void add(const DataError& error);

  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  bool skip_;
  std::int64_t cap_;
  std::int64_t count_ = 0;
};

}  // namespace incipit::data
