// Predicts answers for records, one chunk at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/generation.h"
#include "launcher/session.h"
#include "methods/prompted_model.h"
#include "predict/input.h"
#include "predict/output.h"

namespace incipit::launcher {

class Predictor {
 public:
  // `session` must outlive it. `generation`: how answers are generated.
  Predictor(Session& session, methods::PromptedModel model,
            const eval::GenerationOptions& generation);

  // Returns a prediction for every example of the records in `rows`, in order, and one for each
  // record that cannot be read. The records that predictions point to are valid until the next
  // call. Throws DataError on bad records as task.on_bad_record says. Collective: every rank passes
  // the same rows and gets all predictions.
  [[nodiscard]] std::vector<predict::Prediction> run(
      const std::vector<predict::PredictionInput::Row>& rows, const std::string& file);

  // Number of examples answered so far, and of those whose source was cut to
  // task.max_source_tokens.
  [[nodiscard]] std::int64_t examples() const { return examples_seen_; }
  [[nodiscard]] std::int64_t truncated() const { return truncated_; }

 private:
  void read(const predict::PredictionInput::Row& row, const std::string& file,
            const std::string& number);
  void add_example(data::Record record, const std::string& file, const std::string& number);
  void add_bad(const DataError& error, const std::string& number, const data::Record* record);
  void answer(const data::Dataset& examples);

  Session& session_;
  methods::PromptedModel model_;
  eval::GenerationOptions generation_;
  data::BadRecords bad_;
  std::int64_t seen_ = 0;  // records seen so far
  std::int64_t examples_seen_ = 0;
  std::int64_t truncated_ = 0;

  // State of the current chunk.
  std::deque<data::Record> records_;
  std::vector<data::Example> examples_;
  std::vector<std::size_t> prediction_of_;  // per example
  std::vector<predict::Prediction> predictions_;
};

}  // namespace incipit::launcher
