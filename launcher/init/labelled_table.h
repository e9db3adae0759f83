// The user's own examples, as `incipit init` reads them from CSV, TSV or JSON Lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace incipit::launcher {

struct LabelledText {
  std::int64_t number = 0;         // of the record in its file, from 0
  std::int64_t line = 0;           // on which it begins, from 1
  std::vector<std::string> texts;  // by text column
  int label = 0;                   // index into labels
};

struct LabelledTable {
  std::string file;
  std::vector<std::string> text_columns;
  std::string label_column;
  std::vector<std::string> labels;  // trimmed, by name
  std::vector<LabelledText> rows;   // with a text and a label, in file order
  std::int64_t without_text = 0;    // records left out: all text columns blank
  std::int64_t without_label = 0;   // records left out: label missing or blank

  [[nodiscard]] std::vector<std::int64_t> label_counts() const;
};

// Reads all of the file. Throws DataError "FILE:LINE: ..." on records that cannot be read and when
// no or only one label is left; ConfigError when a column does not exist or the label column
// holds no classes: a quantity, free text, or more than 200 different values.
[[nodiscard]] LabelledTable read_labelled_table(const std::filesystem::path& file,
                                                const std::vector<std::string>& text_columns,
                                                const std::string& label_column);

// By row: a number that rows of the same texts share, but for white space and case of ASCII
// letters; from 0 in order of first occurrence.
[[nodiscard]] std::vector<std::int64_t> duplicate_groups(const LabelledTable& table);

// Sentences on what is not wrong with the table but will be: labels with few examples, texts that
// occur with several labels, labels that differ in case alone, labels that stand in their texts.
[[nodiscard]] std::vector<std::string> table_warnings(const LabelledTable& table,
                                                      const std::vector<std::int64_t>& groups);

}  // namespace incipit::launcher
