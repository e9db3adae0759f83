// Prompt ensembling (Lester et al. 2021): the answers of several prompts of one model together.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"
#include "eval/evaluation.h"
#include "eval/results.h"

namespace incipit::eval {

// The results of some members of a sweep together, on one split.
struct Ensemble {
  std::string name;                  // of the setting that the members share; may be ""
  std::vector<std::size_t> members;  // their numbers
  // The answer of most members; of several, the one with the higher mean probability. A candidate's
  // score is its share of the votes.
  SplitResult vote;
  // The answer with the highest mean probability. A candidate's score is the logarithm of that.
  SplitResult mean;
};

// Combines results `members` of `all`, which have scores of the same split's candidates. A member's
// probabilities are the softmax of its scores over the candidates.
[[nodiscard]] Ensemble combine(std::string name, std::vector<std::size_t> members,
                               std::span<const SplitResult> all, const data::Task& task,
                               const data::Dataset& split);

// Returns the ensembles of the settings that several members share. `settings[i]` is the setting of
// all[i]; members of a setting follow each other. Nothing if the answers have no scores.
[[nodiscard]] std::vector<Ensemble> ensembles_of(std::span<const std::string> settings,
                                                 std::span<const SplitResult> all,
                                                 const data::Task& task,
                                                 const data::Dataset& split);

// Appends the ensembles' results as those of further tasks, SETTING-vote and
// SETTING-mean_probability, which refer to `ensembles`.
void append_results(std::span<const Ensemble> ensembles, const std::string& split,
                    const data::Dataset& dataset, std::vector<TaskResults>& results);

}  // namespace incipit::eval
