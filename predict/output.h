// Writes predictions as lines of JSON, a table, or aligned columns for people.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "data/record.h"
#include "data/task.h"

namespace incipit::predict {

struct Prediction {
  std::string id;                        // JSON text: the record's own id, or its number
  bool has_id = false;                   // `id` is the record's own
  bool is_label = false;                 // `answer` is one of the labels or candidates
  bool is_json = false;                  // `answer` is JSON
  std::optional<std::string> answer;     // a label or a text; nullopt: record skipped
  std::optional<std::string> generated;  // the text to be parsed as a label
  // The scored candidates and their probabilities; empty for generated text.
  std::shared_ptr<const data::Candidates> candidates;
  std::vector<double> probabilities;
  std::string error;                     // why the record was skipped
  const data::Record* record = nullptr;  // nullptr if it could not be read
};

enum class PredictionFormat { kJsonl, kCsv, kTerminal };

struct PredictionLayout {
  std::vector<std::string> labels;   // labels scored for every record; may be empty
  bool scores = false;               // answers have probabilities
  std::vector<std::string> columns;  // input columns to keep in a table; empty: none
  std::vector<std::string> fields;   // of the template
  bool skips = false;                // records may be skipped: tables get a column "error"
};

class PredictionWriter {
 public:
  virtual ~PredictionWriter() = default;
  virtual void write(const Prediction& prediction) = 0;
};

// Makes a writer to `out`, which must outlive it. Writes any header at once.
//
//   kJsonl     {"idx":3,"prediction":"parks","probabilities":{"parks":0.93,"roads":0.07}}, with
//              "generated" in place of probabilities where a label was read from a text, and
//              "error" where "prediction" is null; entities are a list of
//              {"start", "end", "label", "text"}, in characters
//   kCsv       the input's columns (without any: idx and the template's fields), then prediction,
//              probability_LABEL for each label (probability, of the answer, where every record
//              has its own candidates), error
//   kTerminal  idx, prediction, probability and the beginning of the text, in columns
//
// Throws ConfigError when the input already has a column of such a name.
[[nodiscard]] std::unique_ptr<PredictionWriter> make_prediction_writer(
    PredictionFormat format, const PredictionLayout& layout, std::ostream& out);

}  // namespace incipit::predict
