// The prefix that all sequences of an evaluation share (BOS, prompt, few-shot examples),
// computed once and kept resident for every batch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/forest.h"
#include "data/batch.h"
#include "methods/prompted_model.h"
#include "model/forest_pass.h"

namespace incipit::eval {

class SharedBeginning {
 public:
  // Computes the sequence that `sequence_after` returns for the rows of the model's prompt. The
  // sequence may be empty. The model must outlive this object. Throws DataError as ForestPass does.
  // Like run(), collective over the ranks that hold the model together.
  SharedBeginning(const methods::Prompted& model,
                  const std::function<Sequence(PromptRows)>& sequence_after);

  // A pass over a forest, and the number of its first computed rows that were read as resident
  // rows.
  struct Below {
    model::ForestPass pass;
    std::int64_t resident = 0;
  };
  // Runs `forest`. All its sequences start with the shared beginning, and it has at least one
  // target.
  [[nodiscard]] Below run(const Forest& forest, model::ForestPassOptions options);

  [[nodiscard]] PromptRows prompt_rows() const { return model_.rows(); }
  // The number of rows that were computed: those of the sequence that are not resident already.
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // Requires rows() > 0.
  [[nodiscard]] nn::KeyValueStore& keys_values() { return pass_->keys_values(); }

 private:
  methods::Prompted model_;
  std::int64_t rows_ = 0;
  std::optional<model::ForestPass> pass_;
};

}  // namespace incipit::eval
