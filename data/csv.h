// Reads and writes CSV (RFC 4180) and TSV.
//
// The first row names the columns. A column without a name is called "Unnamed: N", counted from 0,
// as pandas does: its row numbers, and what separators at the end of lines make. If the first
// record has one field more than the header and begins with a whole number (R's row names), that
// is such a column, too. A first line "sep=;" gives the delimiter, as in files for Excel.
//
// Every other row is a record whose fields are text, taken
// unchanged: spaces are kept, and an empty field is an empty string. A field in double quotes may
// contain delimiters, line ends and doubled quotes. Lines end with \n or \r\n; empty lines are
// skipped.
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
  // Reads the header. `delimiter` is ',', ';' or a tab; nothing: whichever occurs most often in the
  // header outside quotes, or '|' if none does. Throws FileError "FILE:LINE: ..." when the file is
  // empty, when a column name occurs twice, when two delimiters occur equally often, and on
  // anything that next() rejects.
  explicit CsvReader(LineReader lines, std::optional<char> delimiter = {});

  // Throws DataError on a row with more or fewer fields than the header (unless those beyond it
  // are empty), on bytes that are not
  // UTF-8, on text after a closing quote and on a carriage return within a line. Throws FileError
  // on a quote that is never closed.
  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

  [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }
  [[nodiscard]] char delimiter() const { return delimiter_; }

 private:
  // Returns the next line that is not empty.
  [[nodiscard]] std::optional<std::string_view> next_line();
  // Reads the next row into fields_ and its first line number into row_line_. Returns false at the
  // end.
  [[nodiscard]] bool read_row();
  // Reads a quoted field; `rest` starts after the opening quote. Returns what follows the closing
  // quote.
  [[nodiscard]] std::string_view read_quoted(std::string_view rest, std::string& field);
  [[nodiscard]] std::string_view read_plain(std::string_view rest, std::string& field) const;
  [[nodiscard]] char find_delimiter();
  void check_columns();
  // Adapts the columns to row names, and drops what separators at the end of the row add.
  void fit_row();
  [[nodiscard]] std::string here(std::int64_t line) const;

  LineReader lines_;
  char delimiter_ = ',';
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  std::int64_t row_line_ = 0;
  bool first_record_ = true;
  bool has_sep_line_ = false;
};

// Appends a row and its '\n', quoting the fields that need it.
void append_csv_row(std::string& text, std::span<const std::string> fields, char delimiter = ',');

}  // namespace incipit::data
