// JSON Lines: one JSON object per line (jsonlines.org). Blank lines are skipped; carriage returns
// are allowed.
#pragma once

#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

class JsonlReader : public RecordReader {
 public:
  explicit JsonlReader(LineReader lines) : lines_(std::move(lines)) {}

  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

 private:
  LineReader lines_;
};

}  // namespace incipit::data
