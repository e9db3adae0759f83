// The beginnings (BOS, prompt, few-shot examples) of a task's sequences after several prompts,
// computed once and kept resident for every batch of an evaluation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/forest.h"
#include "data/batch.h"
#include "methods/prompted_model.h"
#include "model/forest_pass.h"

namespace incipit::eval {

class PromptRoots {
 public:
  // Computes the beginnings after these prompts of the model in one pass. Model and task must
  // outlive the object. Throws DataError as ForestPass does. Like run(), collective over the ranks
  // that hold the model together.
  PromptRoots(const methods::PromptedModel& model, std::span<const std::size_t> prompts,
              const data::Task& task);

  struct Scored {
    data::ScoringBatch batch;  // the examples after the first prompt, then after the second, ...
    model::ForestPass pass;    // over batch.packed.forest
  };
  // Runs the examples with their candidates after every prompt: a forest with a root for each.
  // Every example must have candidates.
  [[nodiscard]] Scored run(std::span<const data::Example* const> examples);

  // Returns the number of inputs of the longest of such beginnings.
  [[nodiscard]] static std::int64_t longest(const methods::PromptedModel& model,
                                            std::span<const std::size_t> prompts,
                                            const data::Task& task);

 private:
  struct Root {
    PromptRows prompt;
    Range computed;          // inputs of the beginning; those before are resident anyway
    std::int64_t first = 0;  // their first row in the pass
  };
  // Replaces inputs of the beginning by the rows of the pass, except for the last one if it
  // predicts a token.
  void make_resident(const Root& root, Sequence& sequence) const;

  const methods::PromptedModel& model_;
  const data::Task& task_;
  std::vector<Root> roots_;
  std::unique_ptr<model::ForestPass> pass_;  // null: no row is computed
};

}  // namespace incipit::eval
