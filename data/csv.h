// Tables as text: CSV (RFC 4180) and TSV.
//
// The first row names the columns. Every further row is a record whose fields are text, as they
// stand: spaces are kept, an empty field is empty text. A field in double quotes may hold
// delimiters, line ends and, doubled, quotes. Lines end with \n or \r\n; empty lines are passed
// over.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

class CsvReader : public RecordReader {
 public:
  // Reads the header. `delimiter`: ',', ';' or a tab; nothing: the one of them that occurs most
  // often in the header outside quotes. Throws FileError "FILE:LINE: ..." when the file is empty,
  // on column names that are empty or occur twice, when two delimiters occur equally often,
  // and on whatever next() refuses.
  explicit CsvReader(LineReader lines, std::optional<char> delimiter = {});

  // Throws DataError on a row with more or fewer fields than the header, on bytes that are not
  // UTF-8, on text behind a closing quote and on a carriage return within a line; FileError on a
  // quote that is never closed.
  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

  [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }
  [[nodiscard]] char delimiter() const { return delimiter_; }

 private:
  // The next line that is not empty.
  [[nodiscard]] std::optional<std::string_view> next_line();
  // The next row into fields_, and where it begins into row_line_; false at the end.
  [[nodiscard]] bool read_row();
  // A field in quotes, from behind the opening one; returns what follows the closing one.
  [[nodiscard]] std::string_view read_quoted(std::string_view rest, std::string& field);
  [[nodiscard]] std::string_view read_plain(std::string_view rest, std::string& field) const;
  [[nodiscard]] char find_delimiter();
  void check_columns() const;
  [[nodiscard]] std::string here(std::int64_t line) const;

  LineReader lines_;
  char delimiter_ = ',';
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  std::int64_t row_line_ = 0;
};

// Appends a row with its '\n'; fields that need them get quotes.
void append_csv_row(std::string& text, std::span<const std::string> fields, char delimiter = ',');

}  // namespace incipit::data
