// Scores words with the model of a session, and proposes tokens by its gradient. All results are
// noted in the journal of the search, and those in the journal are not computed again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "data/record.h"
#include "data/task_options.h"
#include "eval/reworded_split.h"
#include "eval/search_results.h"
#include "eval/token_space.h"
#include "eval/word_climb.h"
#include "launcher/search_journal.h"
#include "launcher/session.h"

namespace incipit::launcher {

class WordScorer final : public eval::WordScores {
 public:
  using OptionsOf = std::function<data::TaskOptions(const eval::Words&)>;

  // `options_of` returns the task with words in it. `train` and `validation` are the examples that
  // words are scored on and judged by. The arguments must outlive the object.
  WordScorer(const Session& session, SearchJournal& journal, const eval::RewordedSplit& train,
             const eval::RewordedSplit& validation, OptionsOf options_of);

  // Throw Stopped, on every rank, after a stop request. Collective over the mesh.
  [[nodiscard]] double train_loss(const eval::Words& words) override;
  [[nodiscard]] double validation_loss(const eval::Words& words) override;

  // Returns the tokens number depth * k to (depth + 1) * k of those that fit at the position, by
  // first-order loss, lowest first; k is search.candidates. Collective and throws as above.
  [[nodiscard]] std::vector<TokenId> propose(const eval::TokenSpace& space,
                                             const eval::Words& words, std::size_t position,
                                             std::size_t depth);

  // The answers to all examples of a split, and the scores on it. Collective over the mesh.
  struct Evaluated {
    eval::WordAnswers answers;
    eval::WordScoresOnSplit scores;
  };
  [[nodiscard]] Evaluated evaluate(const eval::Words& words, const std::string& split,
                                   const eval::RewordedSplit& examples) const;

 private:
  [[nodiscard]] data::Task task_with(const eval::Words& words) const;
  [[nodiscard]] double loss(const char* name, const eval::Words& words,
                            const eval::RewordedSplit& examples);
  [[nodiscard]] std::vector<ProposedToken> rank_tokens(const eval::TokenSpace& space,
                                                       const eval::Words& words,
                                                       std::size_t position, std::size_t depth);

  const Session& session_;
  SearchJournal& journal_;
  const eval::RewordedSplit& train_;
  const eval::RewordedSplit& validation_;
  OptionsOf options_of_;
  methods::PromptedModel model_;
  std::vector<data::Record> demonstrations_;
  eval::Words differentiated_;  // the words whose gradient this is
  at::Tensor gradient_;         // [words, hidden]
};

}  // namespace incipit::launcher
