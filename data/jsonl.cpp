#include "data/jsonl.h"

namespace incipit::data {

void JsonlReader::begin() {
  if (begun_) return;
  begun_ = true;
  const auto first = lines_.next_filled();
  if (!first) return;
  if (is_json_document(*first)) document_.emplace();
  lines_.put_back();
}

std::optional<Record> JsonlReader::next() {
  begin();
  if (document_) {
    const auto object = document_->next(lines_);
    if (!object) return std::nullopt;
    return Record(object->text, lines_.name(), object->line);
  }
  const auto line = lines_.next_filled();
  if (!line) return std::nullopt;
  return Record(*line, lines_.name(), lines_.number());
}

Record JsonlReader::at_line(std::int64_t number) {
  begin();
  if (document_ || number <= lines_.number()) lines_.rewind();
  if (document_) {
    document_.emplace();
    while (const auto object = document_->next(lines_)) {
      if (object->line == number) return {object->text, lines_.name(), number};
    }
    fail_no_record(lines_.name(), number);
  }
  while (const auto line = lines_.next_filled()) {
    if (lines_.number() == number) return {*line, lines_.name(), number};
  }
  fail_no_record(lines_.name(), number);
}

}  // namespace incipit::data
