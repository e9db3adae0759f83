#include "data/csv.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/log.h"
#include "core/text.h"

namespace incipit::data {
namespace {

std::string name_of(char delimiter) {
  return delimiter == '\t' ? "a tab" : std::string("'") + delimiter + "'";
}

// Drops the carriage return at the end of a line that is not within quotes.
std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string unnamed(std::size_t index) { return "Unnamed: " + std::to_string(index); }

bool is_whole_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

CsvReader::CsvReader(LineReader lines, std::optional<char> delimiter) : lines_(std::move(lines)) {
  try {
    delimiter_ = delimiter ? *delimiter : find_delimiter();
    if (!read_row()) {
      throw FileError(lines_.name() + ": is empty; expected a first row with column names");
    }
  } catch (const DataError& error) {
    throw FileError(error.what());
  }
  columns_ = fields_;
  check_columns();
}

char CsvReader::find_delimiter() {
  const auto line = next_line();
  if (!line) return ',';
  const std::string_view text = without_carriage_return(*line);
  if (text.starts_with("sep=") && text.size() == 5) {
    has_sep_line_ = true;
    return text.back();
  }
  lines_.put_back();
  constexpr std::array<char, 3> kDelimiters = {',', ';', '\t'};
  std::array<std::int64_t, 3> counts{};
  bool quoted = false;
  for (const char c : *line) {
    if (c == '"') quoted = !quoted;
    const auto* found = std::find(kDelimiters.begin(), kDelimiters.end(), c);
    if (!quoted && found != kDelimiters.end()) ++counts[found - kDelimiters.begin()];
  }
  const std::size_t most = std::max_element(counts.begin(), counts.end()) - counts.begin();
  for (std::size_t other = most + 1; other < counts.size(); ++other) {
    if (counts[most] == 0 || counts[other] != counts[most]) continue;
    throw FileError(here(lines_.number() + 1) + "the delimiter may be " +
                    name_of(kDelimiters[most]) + " or " + name_of(kDelimiters[other]) +
                    "; put column names that contain one of them in double quotes");
  }
  if (counts[most] == 0 && text.find('|') != std::string_view::npos) return '|';
  return kDelimiters[most];
}

void CsvReader::check_columns() {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> without_name;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].empty()) {
      columns_[i] = unnamed(i);
      without_name.push_back("'" + columns_[i] + "'");
    }
    if (columns_[i].find('\0') != std::string::npos) {
      throw FileError(here(row_line_) + "the first row has zero bytes: is this a table of text?");
    }
    if (!seen.insert(columns_[i]).second) {
      throw FileError(here(row_line_) + "two columns are named '" + columns_[i] +
                      "'; rename one of them");
    }
  }
  if (without_name.empty()) return;
  log::info("{}: columns without a name in the first row are called {}", lines_.name(),
            join(without_name));
}

void CsvReader::fit_row() {
  const bool has_row_name =
      first_record_ && fields_.size() == columns_.size() + 1 && is_whole_number(fields_.front());
  if (has_row_name) {
    columns_.insert(columns_.begin(), unnamed(0));
    log::info(
        "{}: the rows begin with a number that the first row does not name; it is the column "
        "'{}'",
        lines_.name(), columns_.front());
  }
  first_record_ = false;
  while (fields_.size() > columns_.size() && fields_.back().empty()) fields_.pop_back();
}

std::string CsvReader::here(std::int64_t line) const {
  return lines_.name() + ":" + std::to_string(line) + ": ";
}

std::optional<Record> CsvReader::next() {
  if (!read_row()) return std::nullopt;
  fit_row();
  if (fields_.size() != columns_.size()) {
    throw DataError(here(row_line_) + "the row has " + std::to_string(fields_.size()) +
                    " fields, the header has " + std::to_string(columns_.size()) + " (" +
                    join(columns_) + "); the delimiter is " + name_of(delimiter_) +
                    "; put a field that contains it in double quotes");
  }
  return Record(columns_, fields_, lines_.name(), row_line_);
}

Record CsvReader::at_line(std::int64_t number) {
  if (number <= lines_.number()) {
    lines_.rewind();
    if (has_sep_line_) (void)next_line();
    (void)read_row();  // the header
  }
  for (bool more = true; more;) {
    try {
      auto record = next();
      more = record.has_value();
      if (more && row_line_ == number) return std::move(*record);
    } catch (const FileError&) {
      throw;
    } catch (const DataError&) {
      if (row_line_ == number) throw;
    }
  }
  fail_no_record(lines_.name(), number);
}

std::optional<std::string_view> CsvReader::next_line() {
  constexpr std::string_view kEndOfFile = "\x1A";  // of DOS
  while (const auto line = lines_.next()) {
    const std::string_view text = without_carriage_return(*line);
    const bool blank = text.find_first_not_of(delimiter_ == '\t' ? " " : " \t") == text.npos;
    if (!blank && text != kEndOfFile) return line;
  }
  return std::nullopt;
}

bool CsvReader::read_row() {
  const auto line = next_line();
  if (!line) return false;
  row_line_ = lines_.number();
  check_utf8(*line, lines_.name(), row_line_);
  fields_.clear();
  std::string_view rest = *line;
  for (bool more = true; more;) {
    std::string& field = fields_.emplace_back();
    rest = rest.starts_with('"') ? read_quoted(rest.substr(1), field) : read_plain(rest, field);
    more = rest.starts_with(delimiter_);
    if (more) rest.remove_prefix(1);
  }
  return true;
}

std::string_view CsvReader::read_quoted(std::string_view rest, std::string& field) {
  const std::int64_t opened = lines_.number();
  while (true) {
    const std::size_t quote = rest.find('"');
    field.append(rest.substr(0, quote));
    if (quote == std::string_view::npos) {
      const auto line = lines_.next();
      if (!line) {
        throw FileError(here(opened) +
                        "a double quote opens a field and is never closed; double the quotes that "
                        "belong to a text, and put the text in quotes");
      }
      check_utf8(*line, lines_.name(), lines_.number());
      if (field.size() + line->size() > kMaxRecordBytes) fail_too_long(lines_.name(), row_line_);
      field += '\n';
      rest = *line;
    } else {
      rest.remove_prefix(quote + 1);
      if (!rest.starts_with('"')) break;
      field += '"';
      rest.remove_prefix(1);
    }
  }
  if (!without_carriage_return(rest).empty() && !rest.starts_with(delimiter_)) {
    throw DataError(here(lines_.number()) +
                    "text follows the closing double quote of a field; double the quotes that "
                    "belong to a text, and put the text in quotes");
  }
  return rest;
}

std::string_view CsvReader::read_plain(std::string_view rest, std::string& field) const {
  const std::size_t end = std::min(rest.find(delimiter_), rest.size());
  std::string_view text = rest.substr(0, end);
  if (end == rest.size()) text = without_carriage_return(text);
  if (text.find('\r') != std::string_view::npos) {
    throw DataError(here(lines_.number()) +
                    "carriage return within a line; expected lines that end with \\n or \\r\\n");
  }
  field = text;
  return rest.substr(end);
}

void append_csv_row(std::string& text, std::span<const std::string> fields, char delimiter) {
  const std::string special = std::string("\"\r\n") + delimiter;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) text += delimiter;
    const std::string& field = fields[i];
    const bool empty_line =
        fields.size() == 1 && field.find_first_not_of(" \t") == std::string::npos;
    if (!empty_line && field.find_first_of(special) == std::string::npos) {
      text += field;
      continue;
    }
    text += '"';
    for (const char c : field) {
      if (c == '"') text += '"';
      text += c;
    }
    text += '"';
  }
  text += '\n';
}

}  // namespace incipit::data
