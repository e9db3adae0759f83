// Label <-> text: what the model is to say for each label of a task.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/record.h"
#include "data/task_options.h"

namespace incipit::data {

class Verbalizer {
 public:
  Verbalizer() = default;
  explicit Verbalizer(std::vector<VerbalizerEntry> entries) : entries_(std::move(entries)) {}

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] int size() const { return static_cast<int>(entries_.size()); }
  [[nodiscard]] const std::string& label(int index) const { return entries_.at(index).label; }
  [[nodiscard]] const std::string& text(int index) const { return entries_.at(index).text; }

  // The index of a label, or -1.
  [[nodiscard]] int index_of(std::string_view label) const;

  // The index of the label in `field` of the record; JSON strings, booleans and integers
  // are labels. Throws DataError with file and line when the field is missing, of another
  // type, or a label without a verbalizer.
  [[nodiscard]] int label_of(const Record& record, std::string_view field) const;

 private:
  std::vector<VerbalizerEntry> entries_;
};

}  // namespace incipit::data
