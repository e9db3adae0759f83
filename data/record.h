// Records: what the files of a task hold, one example each, whatever their format.
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

// One record, and where it stands.
//
// A field is named by its key, or by a path of keys and array positions joined by dots:
// "passage.text", "questions.0.idx". A key that itself holds the dots goes first.
//
// A copy shares the JSON. bind() makes a scope over it, in which a name stands for some part:
// with "answer" for passage.questions.0.answers.2, "answer.text" is a field. A scope's names go
// before the record's own.
class Record {
 public:
  // Parses a line of JSON. Throws DataError "FILE:LINE: ..." on bytes that are not UTF-8, on
  // invalid or cut off JSON, and on JSON that is not an object.
  Record(std::string_view json, std::string file, std::int64_t line_number);
  // A record whose fields are all text: values[i] is the one called names[i], of different names.
  Record(std::span<const std::string> names, std::span<const std::string> values, std::string file,
         std::int64_t line_number);
  ~Record();
  Record(const Record&);
  Record& operator=(const Record&);
  Record(Record&&) noexcept;
  Record& operator=(Record&&) noexcept;

  // The same record with `name` for what stands at `path`. Throws DataError when nothing does.
  [[nodiscard]] Record bind(std::string_view name, std::string_view path) const;

  // Elements of the list at `path`; "PATH.0" is the first of them. Throws DataError "PATH is no
  // list" when it is something else, or missing.
  [[nodiscard]] std::int64_t list_size(std::string_view path) const;

  [[nodiscard]] bool has(std::string_view field) const;

  // A string as it is; a number or boolean as JSON writes it. Throws DataError, with file
  // and line, when the field is missing, null, an array or an object.
  [[nodiscard]] std::string text(std::string_view field) const;

  // The field's value as JSON text, to be written out again ("7", "\"a\""). Throws
  // DataError when it is missing.
  [[nodiscard]] std::string json_text(std::string_view field) const;

  // The whole record as one line of JSON, a scope's names aside.
  [[nodiscard]] std::string as_json() const;

  // The record's JSON, to be added to; a copy that nobody shares, where somebody did. Not of a
  // scope.
  [[nodiscard]] nlohmann::json& own_json();

  // The names of the fields, nested ones aside, in alphabetical order, behind those of a scope.
  [[nodiscard]] std::vector<std::string> names() const;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t line() const { return line_; }  // on which it begins, from 1

  // Throws DataError "FILE:LINE: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  struct Binding {
    std::string name;
    std::string path;  // from the record's root on, for messages
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

// What is wrong with a file as a whole: no record behind it can be read, so there is none to skip.
class FileError : public DataError {
 public:
  using DataError::DataError;
};

// Reads the records of a file or stream one by one; only one is in memory at a time. What it
// is made from is named in data/records.h.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // The next record, or nothing at the end. Throws DataError "FILE:LINE: ..." on one that cannot be
  // read; the reader then stands behind it and may be asked for the next, except after FileError.
  [[nodiscard]] virtual std::optional<Record> next() = 0;

  // The record that begins on line `number`. Throws DataError when there is none. Not on streams.
  [[nodiscard]] virtual Record at_line(std::int64_t number) = 0;

  // The columns that every record has, in the order of the header; empty for formats without one.
  [[nodiscard]] virtual const std::vector<std::string>& columns() const;

 protected:
  [[noreturn]] static void fail_no_record(const std::string& file, std::int64_t line);
};

// What happens to bad records of one file, as `on_bad_record` says.
class BadRecords {
 public:
  explicit BadRecords(const TaskOptions& options)
      : skip_(options.on_bad_record == OnBadRecord::kSkip), cap_(options.max_bad_records) {}

  // fail, and any FileError: throws `error` again. skip: warns and counts it; throws DataError,
  // quoting `error`, once there are more than max_bad_records.
  void add(const DataError& error);

  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  bool skip_;
  std::int64_t cap_;
  std::int64_t count_ = 0;
};

}  // namespace incipit::data
