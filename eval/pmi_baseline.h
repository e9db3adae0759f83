// Candidates after an empty input: the baseline of pointwise mutual information (PMI).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::eval {

// The distinct candidates of a dataset, each once, after Task::empty_source().
class PmiBaseline {
 public:
  // Throws ConfigError when nothing precedes the candidates: no soft prompt (`has_prompt`), no BOS,
  // no few-shot examples, and no template text apart from its fields.
  PmiBaseline(const data::Task& task, const data::Dataset& dataset, bool has_prompt);

  // Examples with these candidates, ready to be scored.
  [[nodiscard]] const data::Dataset& dataset() const { return alone_; }

  // Subtracts from the log-likelihood of every candidate of `dataset` (the dataset passed to the
  // constructor) its log-likelihood after the empty input, `alone`. Both tables are
  // [examples][candidates].
  void subtract_from(std::vector<std::vector<double>>& likelihoods, const data::Dataset& dataset,
                     const std::vector<std::vector<double>>& alone) const;

 private:
  data::Dataset alone_;
  std::map<std::vector<TokenId>, std::pair<std::size_t, std::size_t>> places_;
};

}  // namespace incipit::eval
