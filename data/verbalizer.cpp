#include "data/verbalizer.h"

#include <algorithm>

#include "core/text.h"

namespace incipit::data {

std::string label_text(const Record& record, std::string_view field) {
  const bool is_list = record.has(field) && record.json_text(field).starts_with('[');
  if (!is_list) return record.text(field);
  record.fail("the field '" + std::string(field) +
              "' is a list, but a text has one label: several labels for a text are not supported; "
              "make a task of each label, with the answers yes and no");
}

Verbalizer::Verbalizer(std::vector<VerbalizerEntry> entries) : entries_(std::move(entries)) {
  for (const auto& entry : entries_) texts_.emplace_back(entry.text);
}

bool Verbalizer::is_fixed() const {
  return std::all_of(texts_.begin(), texts_.end(),
                     [](const Template& text) { return text.fields().empty(); });
}

int Verbalizer::index_of(std::string_view label) const {
  for (int i = 0; i < size(); ++i) {
    if (entries_[i].label == label) return i;
  }
  return -1;
}

int Verbalizer::label_of(const Record& record, std::string_view field) const {
  const std::string label = label_text(record, field);
  const int index = index_of(label);
  if (index >= 0) return index;
  std::vector<std::string> labels;
  for (const auto& entry : entries_) labels.push_back(entry.label);
  record.fail("the label '" + label + "' has no verbalizer; task.verbalizer has " + join(labels) +
              did_you_mean(label, labels));
}

}  // namespace incipit::data
