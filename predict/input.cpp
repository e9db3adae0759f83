#include "predict/input.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "core/error.h"
#include "core/text.h"
#include "data/csv.h"
#include "data/jsonl.h"
#include "data/records.h"

namespace incipit::predict {
namespace {

// Reads every line as the text of one field.
class TextReader : public data::RecordReader {
 public:
  TextReader(data::LineReader lines, std::string field)
      : lines_(std::move(lines)), names_{std::move(field)} {}

  std::optional<data::Record> next() override {
    const auto line = lines_.next_filled();
    if (!line) return std::nullopt;
    data::check_utf8(*line, lines_.name(), lines_.number());
    std::vector<std::string> values{std::string(*line)};
    if (values.front().ends_with('\r')) values.front().pop_back();
    return data::Record(names_, values, lines_.name(), lines_.number());
  }

  data::Record at_line(std::int64_t number) override { fail_no_record(lines_.name(), number); }

 private:
  data::LineReader lines_;
  std::vector<std::string> names_;
};

bool names_all(const std::string& header, const std::vector<std::string>& fields) {
  std::istringstream stream(header);
  try {
    const data::CsvReader reader(data::LineReader(stream, ""));
    return std::all_of(fields.begin(), fields.end(), [&](const std::string& field) {
      return std::count(reader.columns().begin(), reader.columns().end(), field) > 0;
    });
  } catch (const DataError&) {
    return false;
  }
}

std::string format_of_first_line(data::LineReader& lines, const std::vector<std::string>& fields) {
  const auto line = lines.next_filled();
  if (!line) return "jsonl";
  const std::string first(*line);
  lines.put_back();
  const char begin = first[first.find_first_not_of(" \t")];
  if (begin == '{' || begin == '[') return "jsonl";
  return names_all(first, fields) ? "csv" : "text";
}

std::string format_of_ending(const std::filesystem::path& path) {
  if (path.extension() == ".txt") return "text";
  switch (data::record_format(path)) {
    case data::RecordFormat::kCsv:
      return "csv";
    case data::RecordFormat::kTsv:
      return "tsv";
    case data::RecordFormat::kConll:
      return "conll";
    case data::RecordFormat::kJsonl:
      return "jsonl";
  }
  return "jsonl";
}

std::unique_ptr<data::RecordReader> make_reader(data::LineReader lines, const std::string& format,
                                                const std::vector<std::string>& fields) {
  if (format == "csv") return make_record_reader(std::move(lines), data::RecordFormat::kCsv);
  if (format == "tsv") return make_record_reader(std::move(lines), data::RecordFormat::kTsv);
  if (format == "jsonl") return make_record_reader(std::move(lines), data::RecordFormat::kJsonl);
  if (format == "conll") return make_record_reader(std::move(lines), data::RecordFormat::kConll);
  if (fields.size() != 1) {
    throw ConfigError(lines.name() + ": lines of text can fill one field, and the template has " +
                      std::to_string(fields.size()) + " (" + join(fields) +
                      "); write JSON Lines, or a table whose first row names them");
  }
  return std::make_unique<TextReader>(std::move(lines), fields.front());
}

}  // namespace

PredictionInput::PredictionInput(const std::filesystem::path& path, const std::string& format,
                                 const std::vector<std::string>& fields)
    : path_(path),
      name_(path == "-" ? "standard input" : path.string()),
      format_(format),
      fields_(fields) {
  if (path_ != "-") {
    if (format_.empty()) format_ = format_of_ending(path_);
    reader_ = open();
    return;
  }
  data::LineReader lines(std::cin, name_);
  if (format_.empty()) format_ = format_of_first_line(lines, fields_);
  reader_ = make_reader(std::move(lines), format_, fields_);
}

std::unique_ptr<data::RecordReader> PredictionInput::open() const {
  return make_reader(data::LineReader(path_), format_, fields_);
}

std::vector<PredictionInput::Row> PredictionInput::next(std::size_t count) {
  std::vector<Row> rows;
  while (rows.size() < count) {
    try {
      const auto record = reader_->next();
      if (!record) break;
      rows.push_back({.line = record->line(), .json = record->as_json(), .error = {}});
    } catch (const data::FileError&) {
      throw;
    } catch (const DataError& error) {
      rows.push_back({.line = 0, .json = {}, .error = error.what()});
    }
  }
  return rows;
}

std::optional<std::int64_t> PredictionInput::count() const {
  if (path_ == "-") return std::nullopt;
  const auto reader = open();
  std::int64_t count = 0;
  for (bool more = true; more;) {
    try {
      more = reader->next().has_value();
      if (more) ++count;
    } catch (const data::FileError&) {
      return std::nullopt;  // reading will report the error
    } catch (const DataError&) {
      ++count;
    }
  }
  return count;
}

}  // namespace incipit::predict
