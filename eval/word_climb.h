// The choices of a search over words: greedy over template phrases, guided by gradients over tokens
// (AutoPrompt, Shin et al. 2020), and at random, the control of both. What words are and what they
// are scored with is the caller's. All functions are deterministic and the same on every rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/forest.h"  // TokenId
#include "core/random.h"

namespace incipit::eval {

// A choice of words: tokens, or for each slot of a template the number of its phrase.
using Words = std::vector<TokenId>;

// Scores words with a model.
class WordScores {
 public:
  virtual ~WordScores() = default;
  // Return the mean loss on the training examples, and on the validation examples.
  [[nodiscard]] virtual double train_loss(const Words& words) = 0;
  [[nodiscard]] virtual double validation_loss(const Words& words) = 0;
};

// Words with a lower training loss than all before them.
struct WordStep {
  Words words;
  double train_loss = 0;
  double validation_loss = 0;
  std::int64_t passes = 0;  // spent so far
};

// Scores words until a budget of forward passes is spent. A forward pass is one example computed
// with one choice of words. The validation split judges only words that have the lowest training
// loss so far.
class WordClimb {
 public:
  // `train_cost` and `validation_cost` are the numbers of examples. `on_progress`, if given, is
  // told the passes spent so far.
  WordClimb(WordScores& scores, std::int64_t train_cost, std::int64_t validation_cost,
            std::int64_t budget, std::function<void(std::int64_t passes)> on_progress = nullptr)
      : scores_(scores),
        train_cost_(train_cost),
        validation_cost_(validation_cost),
        budget_(budget),
        on_progress_(std::move(on_progress)) {}

  // Returns the training loss; nothing if the budget is not enough for both losses. Words that were
  // scored before cost nothing.
  [[nodiscard]] std::optional<double> score(const Words& words);
  [[nodiscard]] bool has_scored(const Words& words) const { return known_.contains(words); }
  // Spends passes on something else. Returns false, and spends nothing, if the budget is not enough
  // for them.
  [[nodiscard]] bool spend(std::int64_t passes);

  [[nodiscard]] std::int64_t passes() const { return passes_; }
  [[nodiscard]] std::size_t scored() const { return known_.size(); }
  [[nodiscard]] const std::vector<WordStep>& steps() const { return steps_; }
  // Returns the step with the lowest validation loss, of several the first. Requires a step.
  [[nodiscard]] const WordStep& best() const;

 private:
  WordScores& scores_;
  std::int64_t train_cost_;
  std::int64_t validation_cost_;
  std::int64_t budget_;
  std::function<void(std::int64_t passes)> on_progress_;
  std::int64_t passes_ = 0;
  std::map<Words, double> known_;
  std::vector<WordStep> steps_;
};

// Starts with phrase 0 in every slot. Takes the slots in turn and gives each the phrase with the
// lowest training loss while the others stay, until no slot changes or the budget is spent.
// `phrases` are the numbers of phrases by slot.
void climb_over_phrases(WordClimb& climb, std::span<const std::size_t> phrases);

// Returns the tokens to try at a position: number depth * k to (depth + 1) * k of all that fit
// there, best first. Fewer than k: there are no more.
using TokenProposals = std::function<std::vector<TokenId>(const Words& words, std::size_t position,
                                                          std::size_t depth)>;

// Takes the positions in an order drawn by `seed`. At each it tries the tokens that `propose`
// returns and keeps the one with the lowest training loss, if that is lower than before; then it
// begins again with the new words. Where no position improves, it tries the tokens of the next
// depth, until the budget is spent or there are none. The gradient at every new choice of words
// costs `gradient_cost` passes.
void climb_over_tokens(WordClimb& climb, Words start, std::int64_t gradient_cost,
                       const TokenProposals& propose, std::uint64_t seed);

// Scores `start`, then words that `draw` returns, until the budget is spent or `draw` returns
// nothing new for long.
void climb_at_random(WordClimb& climb, const Words& start,
                     const std::function<Words(Random& random)>& draw, std::uint64_t seed);

}  // namespace incipit::eval
