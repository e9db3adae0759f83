// The prefix that all sequences of an evaluation share (BOS, prompt, few-shot examples),
// computed once and kept resident for every batch; and several such prefixes, which may share
// prefixes of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

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

  // The same for a beginning whose rows were computed before: `parts` names them in `keys_values`,
  // which is not empty and must outlive this object.
  SharedBeginning(const methods::Prompted& model, nn::KeyValueStore& keys_values,
                  std::vector<Range> parts);

  // A pass over a forest, and the number of its first computed rows that were read as resident
  // rows.
  struct Below {
    model::ForestPass pass;
    std::int64_t resident = 0;
  };
  // Runs `forest`. All its sequences start with the shared beginning. It has at least one target,
  // or no rows.
  [[nodiscard]] Below run(const Forest& forest, model::ForestPassOptions options);

  [[nodiscard]] const methods::Prompted& model() const { return model_; }
  [[nodiscard]] PromptRows prompt_rows() const { return model_.rows(); }
  // The number of rows that were computed: those of the sequence that are not resident already.
  [[nodiscard]] std::int64_t rows() const;
  // Returns the places of the first `rows` of them in keys_values(), in order.
  [[nodiscard]] std::vector<Range> parts(std::int64_t rows) const;
  // Requires rows() > 0.
  [[nodiscard]] nn::KeyValueStore& keys_values() { return *keys_values_; }

 private:
  methods::Prompted model_;
  std::unique_ptr<model::ForestPass> pass_;  // null: the rows are another object's
  nn::KeyValueStore* keys_values_ = nullptr;
  std::vector<Range> parts_;
};

// Several beginnings, such as few-shot examples in different orders. Prefixes that some of them
// share are computed once: they are one forest, a trie.
class SharedBeginnings {
 public:
  // Computes all beginnings in one pass. None is empty. The model must outlive this object. Throws
  // DataError as ForestPass does. Collective over the ranks that hold the model together.
  SharedBeginnings(const methods::Prompted& model, std::vector<Sequence> beginnings);

  // Returns beginning `index`, which refers to this object.
  [[nodiscard]] SharedBeginning operator[](std::size_t index);
  // The number of rows that were computed, and that of the same beginnings computed one by one.
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t rows_without_sharing() const { return rows_without_sharing_; }

 private:
  methods::Prompted model_;
  std::vector<std::vector<Range>> parts_;  // by beginning
  std::int64_t rows_ = 0;
  std::int64_t rows_without_sharing_ = 0;
  std::unique_ptr<model::ForestPass> pass_;
};

}  // namespace incipit::eval
