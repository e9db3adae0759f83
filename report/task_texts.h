// The texts of a run's task as the model saw them. Reads data, tokenizer and the model's
// configuration, but no weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"
#include "report/run_data.h"

namespace incipit::report {

// A token of the input; a soft prompt is one piece.
struct SeenPiece {
  enum class Kind { kText, kSpecial, kSoftPrompt };
  Kind kind = Kind::kText;
  std::string text;
  std::int64_t rows = 1;  // rows of a soft prompt
};

struct Answer {
  std::string label;  // empty: a generation task
  std::string text;
  std::int64_t tokens = 0;
  bool right = false;
};

// An example: what the model reads, and the possible answers.
struct SeenExample {
  std::string place;  // "data/test.jsonl:1"
  bool truncated = false;
  std::vector<SeenPiece> pieces;
  std::vector<Answer> answers;
};

// The template's fields and their values in a record.
using FieldValues = std::vector<std::pair<std::string, std::string>>;

class TaskTexts {
 public:
  // Reads the splits that the run's configuration names. The run must have a configuration. Throws
  // Error when the splits or the model's tokenizer cannot be read, and DataError when the test
  // examples are no longer those of the run.
  explicit TaskTexts(const RunData& run);

  // Returns what the records of these test examples put into the template, by idx. Reads the test
  // file again.
  [[nodiscard]] std::map<std::string, FieldValues> field_values(
      const std::set<std::string>& ids) const;
  // Returns the first test example, or without a test split the first training example.
  [[nodiscard]] SeenExample first_example() const;
  // Returns the most frequent label of the training file; empty if there is none.
  [[nodiscard]] std::string majority_label() const;

 private:
  [[nodiscard]] std::vector<SeenPiece> pieces(const data::Example& example) const;

  std::int64_t prompt_rows_ = 0;
  std::optional<data::Task> task_;
  data::Splits splits_;
  std::map<std::string, std::int64_t> test_index_;  // per idx
};

}  // namespace incipit::report
