// A submission file for one task of SuperGLUE.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "data/task.h"
#include "predict/output.h"

namespace incipit::predict {

// Collects the lines of one task's file in input order:
//
//   text         {"idx":3,"label":"entailment"}; ReCoRD's label is the entity
//   integer      {"idx":3,"label":0}
//   capitalised  {"idx":3,"label":"True"}
//   nested       {"idx":P,"passage":{"questions":[{"idx":Q,"answers":[{"idx":A,"label":1}]}]}}
//
// The idx is the record's id; with several ids, the last. `nested` takes three. A generated answer
// that is not one of the task's labels cannot be submitted: it is replaced by the first label and
// counted.
class Submission {
 public:
  // Throws ConfigError when the task has no `submission`, or when its labels do not fit it.
  explicit Submission(const data::Task& task);

  // Adds an answer. Throws DataError, with file and line, on an example without an id, with the id
  // of an earlier one, or without an answer.
  void add(const Prediction& prediction);

  [[nodiscard]] const std::string& file() const { return options_.file; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(answers_.size()); }
  [[nodiscard]] std::int64_t replaced() const { return replaced_; }  // non-label answers
  // Returns the whole file. Throws DataError when there is no answer.
  [[nodiscard]] std::string text() const;

 private:
  struct Answer {
    std::vector<std::string> ids;  // JSON texts
    std::string label;             // JSON text
  };
  [[nodiscard]] std::string label_of(const Prediction& prediction);
  [[nodiscard]] std::string json_label(const std::string& label) const;
  [[nodiscard]] std::string nested_text() const;

  data::SubmissionOptions options_;
  std::vector<std::string> labels_;
  bool free_ = false;  // answers are free text, not labels
  std::vector<Answer> answers_;
  std::set<std::vector<std::string>> seen_;
  std::int64_t replaced_ = 0;
};

}  // namespace incipit::predict
