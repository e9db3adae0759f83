// What all sequences of an evaluation begin with (BOS, soft prompt, demonstrations), computed once
// and resident below every batch.
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
  // Computes what `sequence_behind` makes of the soft prompt `prompt` ([P, hidden]; nothing: none);
  // it may be empty. `backbone` must outlive it. Throws DataError as ForestPass does. This and
  // run() are collective over the ranks that hold the model together.
  SharedBeginning(const model::Backbone& backbone, const std::optional<at::Tensor>& prompt,
                  const std::function<Sequence(data::PromptRows)>& sequence_behind);

  // A pass over a forest, and how many of the forest's first rows it left out as resident ones.
  struct Below {
    model::ForestPass pass;
    std::int64_t resident = 0;
  };
  // Runs `forest`, whose sequences all begin with the beginning, and which has a target.
  [[nodiscard]] Below run(const Forest& forest, model::ForestPassOptions options);

  [[nodiscard]] data::PromptRows prompt_rows() const { return prompt_rows_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  // Only where rows() > 0.
  [[nodiscard]] model::KeyValueStore& keys_values() { return pass_->keys_values(); }

 private:
  const model::Backbone& backbone_;
  std::vector<at::Tensor> prompts_;
  data::PromptRows prompt_rows_;
  std::int64_t rows_ = 0;
  std::optional<model::ForestPass> pass_;
};

}  // namespace incipit::eval
