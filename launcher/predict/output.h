// Predictions as lines: of JSON, of a table, or for people.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "data/record.h"
#include "data/task.h"

namespace incipit::launcher {

struct Prediction {
  std::string id;                        // JSON text: the record's own, or its number
  bool has_id = false;                   // it is the record's own
  bool is_label = false;                 // the answer is one of the labels or candidates
  std::optional<std::string> answer;     // a label or a text; nothing for a record that was skipped
  std::optional<std::string> generated;  // the text from which a label was to be read
  // What was scored, and its share in the belief; empty for generated texts.
  std::shared_ptr<const data::Candidates> candidates;
  std::vector<double> probabilities;
  std::string error;                     // why it was skipped
  const data::Record* record = nullptr;  // nullptr where it could not be read
};

enum class PredictionFormat { kJsonl, kCsv, kTerminal };

struct PredictionLayout {
  std::vector<std::string> labels;   // that every record's answer is scored over; may be empty
  bool scores = false;               // answers have probabilities
  std::vector<std::string> columns;  // of the input, to be kept in a table; empty: it had none
  std::vector<std::string> fields;   // of the template
  bool skips = false;                // a record may be skipped: tables get a column "error"
};

class PredictionWriter {
 public:
  virtual ~PredictionWriter() = default;
  virtual void write(const Prediction& prediction) = 0;
};

// Writes to `out`, which must outlive the writer; what stands in front of all lines at once.
//
//   kJsonl     {"idx":3,"prediction":"parks","probabilities":{"parks":0.93,"roads":0.07}}, with
//              "generated" in place of probabilities where a label was read from a text, and
//              "error" where "prediction" is null
//   kCsv       the input's columns (without any: idx and the template's fields), then prediction,
//              probability_LABEL for each label (probability, of the answer, where every record
//              has candidates of its own), error
//   kTerminal  idx, prediction, probability and the beginning of the text, in columns
//
// Throws ConfigError when the input has a column of such a name already.
[[nodiscard]] std::unique_ptr<PredictionWriter> make_prediction_writer(
    PredictionFormat format, const PredictionLayout& layout, std::ostream& out);

}  // namespace incipit::launcher
