// Reader for columns of words and tags, as of CoNLL's shared tasks (`.conll`, `.bio`, `.iob`).
#pragma once

#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

// A line has a word and its tag, and perhaps columns between them, separated by tabs, or by spaces
// where there is no tab. Empty lines separate sentences; lines of -DOCSTART- are skipped. A
// sentence is a record {"tokens": [words], "tags": [tags]}, without tags if its lines have none.
class ConllReader : public RecordReader {
 public:
  explicit ConllReader(LineReader lines) : lines_(std::move(lines)) {}
  // Throws DataError "FILE:LINE: ..." on a line without a tag in a sentence with tags, after
  // reading all of it.
  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

 private:
  LineReader lines_;
};

}  // namespace incipit::data
