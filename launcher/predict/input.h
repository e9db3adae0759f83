// The records that predictions are asked for: of a file or of standard input, in any format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/record.h"

namespace incipit::launcher {

class PredictionInput {
 public:
  // `path`: a file, or "-" for standard input. `format`: jsonl, csv, tsv or text (every line is the
  // only field); "": by the file's ending (.txt is text), and for standard input by its first line:
  // jsonl when it begins with a brace, csv when it names all of `fields`, else text. `fields`:
  // those of the template. Throws DataError, and ConfigError where text is to fill several fields.
  PredictionInput(const std::filesystem::path& path, const std::string& format,
                  const std::vector<std::string>& fields);

  // A record as text, or why it could not be read.
  struct Row {
    std::int64_t line = 0;
    std::string json;
    std::string error;
  };
  // The next records, at most `count`; none at the end. Throws FileError when the rest cannot be
  // read.
  [[nodiscard]] std::vector<Row> next(std::size_t count);

  [[nodiscard]] const std::string& name() const { return name_; }
  // The columns of csv and tsv, in their order.
  [[nodiscard]] const std::vector<std::string>& columns() const { return reader_->columns(); }
  // How many records a file has; nothing for standard input.
  [[nodiscard]] std::optional<std::int64_t> count() const;

 private:
  [[nodiscard]] std::unique_ptr<data::RecordReader> open() const;

  std::filesystem::path path_;
  std::string name_;
  std::string format_;
  std::vector<std::string> fields_;
  std::unique_ptr<data::RecordReader> reader_;
};

}  // namespace incipit::launcher
