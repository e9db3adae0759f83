// The user's own examples, read by `incipit init` from CSV, TSV or JSON Lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace incipit::init {

struct LabelledText {
  std::int64_t number = 0;         // record number in its file, from 0
  std::int64_t line = 0;           // first line of the record, from 1
  std::vector<std::string> texts;  // per text column
  int label = 0;                   // index into labels
};

struct LabelledTable {
  std::string file;
  std::vector<std::string> text_columns;
  std::string label_column;
  std::vector<std::string> labels;  // trimmed, sorted by name
  std::vector<LabelledText> rows;   // rows with a text and a label, in file order
  std::int64_t without_text = 0;    // records skipped: all text columns blank
  std::int64_t without_label = 0;   // records skipped: label missing or blank

  [[nodiscard]] std::vector<std::int64_t> label_counts() const;
};

// Reads the whole file. Throws DataError "FILE:LINE: ..." on records that cannot be read, and when
// at most one label remains. Throws ConfigError when a column does not exist or the label column
// does not contain classes: a quantity, free text, or more than 200 different values.
[[nodiscard]] LabelledTable read_labelled_table(const std::filesystem::path& file,
                                                const std::vector<std::string>& text_columns,
                                                const std::string& label_column);

// Returns, for each row, a group number that rows with the same texts share, ignoring white space
// and the case of ASCII letters. Groups are numbered from 0 in order of first occurrence.
[[nodiscard]] std::vector<std::int64_t> duplicate_groups(const LabelledTable& table);

// Returns warnings about likely problems: labels with few examples, texts that occur with several
// labels, labels that differ only in case, labels that occur in their texts.
[[nodiscard]] std::vector<std::string> table_warnings(const LabelledTable& table,
                                                      const std::vector<std::int64_t>& groups);

}  // namespace incipit::init
