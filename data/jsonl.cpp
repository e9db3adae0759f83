#include "data/jsonl.h"

namespace incipit::data {

std::optional<Record> JsonlReader::next() {
  const auto line = lines_.next_filled();
  if (!line) return std::nullopt;
  return Record(*line, lines_.name(), lines_.number());
}

Record JsonlReader::at_line(std::int64_t number) {
  if (number <= lines_.number()) lines_.rewind();
  while (const auto line = lines_.next_filled()) {
    if (lines_.number() == number) return {*line, lines_.name(), number};
  }
  fail_no_record(lines_.name(), number);
}

}  // namespace incipit::data
