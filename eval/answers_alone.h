// Answers behind an input without content: what pointwise mutual information compares with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::eval {

// The distinct candidates of a data set, each once, behind Task::empty_source().
class AnswersAlone {
 public:
  // Throws ConfigError when nothing stands in front of them: no soft prompt (`has_prompt`), BOS,
  // demonstrations, or text of the template but its fields.
  AnswersAlone(const data::Task& task, const data::Dataset& dataset, bool has_prompt);

  // Examples with these candidates, to be scored.
  [[nodiscard]] const data::Dataset& dataset() const { return alone_; }

  // Takes from the log-likelihood of every candidate of `dataset`, the one given above, what it has
  // here. Both tables are [examples][candidates].
  void subtract_from(std::vector<std::vector<double>>& likelihoods, const data::Dataset& dataset,
                     const std::vector<std::vector<double>>& alone) const;

 private:
  data::Dataset alone_;
  std::map<std::vector<TokenId>, std::pair<std::size_t, std::size_t>> places_;
};

}  // namespace incipit::eval
