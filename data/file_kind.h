// What a file of records is, by its first bytes.
#pragma once

#include <string>
#include <string_view>

namespace incipit::data {

[[nodiscard]] bool is_gzip(std::string_view bytes);

// Returns the decompressed content of a gzip file. Throws DataError with `name` if it is damaged.
[[nodiscard]] std::string gunzip(std::string_view bytes, const std::string& name);

// Throws DataError for a spreadsheet, a Parquet file, an archive, a database or a text in UTF-16 or
// UTF-32: what it is, and the command that converts it to a file that can be read.
void refuse_foreign_file(std::string_view bytes, const std::string& name);

}  // namespace incipit::data
