// Which reader a file of records needs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

enum class RecordFormat {
  kJsonl,
  kCsv,  // the delimiter is found in the header
  kTsv,  // divided by tabs
};

// By the file's ending: .csv, .tsv, and anything else is JSON Lines.
[[nodiscard]] RecordFormat record_format(const std::filesystem::path& path);

// Throws FileError as the format's reader does.
[[nodiscard]] std::unique_ptr<RecordReader> make_record_reader(LineReader lines,
                                                               RecordFormat format);

// A file in the format of its ending. Throws DataError naming the file when it cannot be read.
[[nodiscard]] std::unique_ptr<RecordReader> open_records(const std::filesystem::path& path);

}  // namespace incipit::data
