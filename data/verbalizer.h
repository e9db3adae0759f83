// Maps each label of a task to the text that the model should say. The texts are templates, usually
// without fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/record.h"
#include "data/task_options.h"
#include "data/template.h"

namespace incipit::data {

// Returns the label in `field` of the record. JSON strings, booleans and integers are labels.
// Throws DataError with file and line when the field is missing or has another type. A list says
// that several labels for a text are not supported.
[[nodiscard]] std::string label_text(const Record& record, std::string_view field);

class Verbalizer {
 public:
  Verbalizer() = default;
  // Throws ConfigError as Template does.
  explicit Verbalizer(std::vector<VerbalizerEntry> entries);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] int size() const { return static_cast<int>(entries_.size()); }
  [[nodiscard]] const std::string& label(int index) const { return entries_.at(index).label; }
  [[nodiscard]] const Template& text(int index) const { return texts_.at(index); }
  // Whether no text has a field, so that all are the same for every record.
  [[nodiscard]] bool is_fixed() const;

  // Returns the index of a label, or -1.
  [[nodiscard]] int index_of(std::string_view label) const;

  // Returns the index of the label in `field` of the record. Throws DataError as label_text()
  // does, and if the label has no verbalizer.
  [[nodiscard]] int label_of(const Record& record, std::string_view field) const;

 private:
  std::vector<VerbalizerEntry> entries_;
  std::vector<Template> texts_;
};

}  // namespace incipit::data
