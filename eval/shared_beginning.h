// The prefix that all sequences of an evaluation share (BOS, soft prompt, few-shot examples),
// computed once and kept resident for every batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/forest.h"
#include "data/batch.h"
#include "model/backbone.h"
#include "model/forest_pass.h"

namespace incipit::eval {

class SharedBeginning {
 public:
  // Computes the sequence that `sequence_behind` returns for the rows of the soft prompt `prompt`
  // ([P, hidden]; nothing: no soft prompt). The sequence may be empty. `backbone` must outlive this
  // object. Throws DataError as ForestPass does. Like run(), collective over the ranks that hold
  // the model together.
  SharedBeginning(const model::Backbone& backbone, const std::optional<at::Tensor>& prompt,
                  const std::function<Sequence(data::PromptRows)>& sequence_behind);

  // A pass over a forest, and the number of its first rows that were read as resident rows.
  struct Below {
    model::ForestPass pass;
    std::int64_t resident = 0;
  };
  // Runs `forest`. All its sequences start with the shared beginning, and it has at least one
  // target.
  [[nodiscard]] Below run(const Forest& forest, model::ForestPassOptions options);

  [[nodiscard]] data::PromptRows prompt_rows() const { return prompt_rows_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // Requires rows() > 0.
  [[nodiscard]] nn::KeyValueStore& keys_values() { return pass_->keys_values(); }

 private:
  const model::Backbone& backbone_;
  std::vector<at::Tensor> prompts_;
  data::PromptRows prompt_rows_;
  std::int64_t rows_ = 0;
  std::optional<model::ForestPass> pass_;
};

}  // namespace incipit::eval
