// The records to predict: from a file or standard input, in any format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/record.h"

namespace incipit::predict {

class PredictionInput {
 public:
  // `path`: a file, or "-" for standard input. `format`: jsonl, csv, tsv, conll or text (every line
  // is the only field). "": by the file's extension (.txt is text); for standard input by its first
  // line: jsonl if it begins with a brace or a bracket, csv if it names all of `fields`, else text.
  // `fields`: those of the template. Throws DataError, and ConfigError when the format is text and
  // there are several fields.
  PredictionInput(const std::filesystem::path& path, const std::string& format,
                  const std::vector<std::string>& fields);

  // A record as text, or why it could not be read.
  struct Row {
    std::int64_t line = 0;
    std::string json;
    std::string error;
  };
  // Returns the next records, at most `count`; none at the end. Throws FileError when the rest
  // cannot be read.
  [[nodiscard]] std::vector<Row> next(std::size_t count);

  [[nodiscard]] const std::string& name() const { return name_; }
  // Returns the columns of csv and tsv, in file order.
  [[nodiscard]] const std::vector<std::string>& columns() const { return reader_->columns(); }
  // Returns the number of records in a file; nothing for standard input.
  [[nodiscard]] std::optional<std::int64_t> count() const;

 private:
  [[nodiscard]] std::unique_ptr<data::RecordReader> open() const;

  std::filesystem::path path_;
  std::string name_;
  std::string format_;
  std::vector<std::string> fields_;
  std::unique_ptr<data::RecordReader> reader_;
};

}  // namespace incipit::predict
