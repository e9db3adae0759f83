// Chooses the reader for a file of records.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

enum class RecordFormat {
  kJsonl,
  kCsv,    // delimiter detected in the header
  kTsv,    // tab-separated
  kConll,  // columns of words and tags
};

// Returns the format by file extension: .csv, .tsv, .conll, .bio or .iob (data/conll.h), and JSON
// Lines for anything else; the extension
// of a .gz file is the one before.
[[nodiscard]] RecordFormat record_format(const std::filesystem::path& path);

// Creates a reader. Throws FileError as the format's reader does.
[[nodiscard]] std::unique_ptr<RecordReader> make_record_reader(LineReader lines,
                                                               RecordFormat format);

// Opens a file in the format of its extension, or SQuAD's (data/squad.h). Throws DataError naming
// the file when it cannot be read.
[[nodiscard]] std::unique_ptr<RecordReader> open_records(const std::filesystem::path& path);

}  // namespace incipit::data
