// Candidates after inputs without content: the baseline of the scores `pmi` and `calibrated`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::eval {

using Likelihoods = std::vector<std::vector<double>>;  // [examples][candidates]

// Whether the score compares with inputs without content.
[[nodiscard]] bool needs_content_free(data::Score score);

// The distinct candidates of a dataset, each once after every input without content: for `pmi`, the
// template with empty fields (Holtzman et al. 2021); for `calibrated`, with fields "N/A", "[MASK]"
// and empty (Zhao et al. 2021).
class ContentFree {
 public:
  // `score` is kPmi or kCalibrated. Throws ConfigError when nothing precedes the candidates: no
  // soft prompt (`has_prompt`), no BOS, no few-shot examples, and no template text apart from its
  // fields.
  ContentFree(data::Score score, const data::Task& task, const data::Dataset& dataset,
              bool has_prompt);

  // Examples with these candidates, ready to be scored.
  [[nodiscard]] const data::Dataset& dataset() const { return inputs_; }

  // Turns the log-likelihoods of `dataset` (the dataset passed to the constructor) into scores.
  // `content_free` are the log-likelihoods of dataset(). For `pmi`, subtracts each candidate's
  // log-likelihood after the empty input. For `calibrated`, takes the log of the probability among
  // the candidates divided by the mean of that probability over the inputs without content.
  void apply(Likelihoods& likelihoods, const data::Dataset& dataset,
             const Likelihoods& content_free) const;

 private:
  // Returns the log-likelihoods of an example's candidates after input `input`.
  [[nodiscard]] std::vector<double> after_input(const data::Candidates& candidates,
                                                std::size_t input,
                                                const Likelihoods& content_free) const;
  // Returns the log of the mean probability of each candidate among an example's candidates.
  [[nodiscard]] std::vector<double> log_mean(const data::Candidates& candidates,
                                             const Likelihoods& content_free) const;

  data::Score score_;
  std::size_t inputs_count_;
  std::size_t parts_ = 0;  // examples of dataset() for each input
  data::Dataset inputs_;
  // By a candidate's tokens: its part, and its index there.
  std::map<std::vector<TokenId>, std::pair<std::size_t, std::size_t>> places_;
};

// Subtracts log sum exp of the values from each: log-probabilities among the candidates.
void normalize(std::vector<double>& log_likelihoods);

}  // namespace incipit::eval
