// JSON Lines: one JSON object per line (jsonlines.org). Blank lines are skipped; carriage returns
// are allowed. A file that begins with an array or with an object over several lines is read as
// such (data/json_objects.h); a record's line is that of its opening brace.
#pragma once

#include <optional>

#include "data/json_objects.h"
#include "data/lines.h"
#include "data/record.h"

namespace incipit::data {

class JsonlReader : public RecordReader {
 public:
  explicit JsonlReader(LineReader lines) : lines_(std::move(lines)) {}

  [[nodiscard]] std::optional<Record> next() override;
  [[nodiscard]] Record at_line(std::int64_t number) override;

 private:
  // Looks at the first line, once.
  void begin();

  LineReader lines_;
  std::optional<JsonObjects> document_;  // if the text is not JSON Lines
  bool begun_ = false;
};

}  // namespace incipit::data
