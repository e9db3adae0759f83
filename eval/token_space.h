// The tokens that a prompt before a task's text may have, so that the prompt can be used as text:
// its tokens must be those of their own text before every example.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/record.h"
#include "data/task.h"
#include "eval/word_climb.h"

namespace incipit::eval {

class TokenSpace {
 public:
  // `task` has no few-shot examples, and must outlive the object. `records` are those of the
  // examples that words are scored on.
  TokenSpace(const data::Task& task, std::vector<data::Record> records);

  // The tokens to choose from, ascending: those of printable text, except special ones and those
  // that the model has no embedding for.
  [[nodiscard]] const std::vector<TokenId>& tokens() const { return tokens_; }
  [[nodiscard]] std::string text(const Words& words) const;
  // Returns the task's options with the words before the text: in `source_prefix`.
  [[nodiscard]] data::TaskOptions options(const Words& words) const;
  // The number of tokens of a source before the words: those of the chat's opening.
  [[nodiscard]] std::int64_t offset() const { return static_cast<std::int64_t>(opening_.size()); }

  // Whether the source of every record with the words' text has exactly these tokens at offset().
  [[nodiscard]] bool survives(const Words& words) const;

  // Returns `length` tokens drawn uniformly from all that survive. Throws ConfigError when none do
  // in many draws.
  [[nodiscard]] Words draw(std::int64_t length, Random& random) const;

  // Returns the values of tokens() at `position` that survive: number `first` to `first + count` of
  // them in the order of `ranked`, which are tokens, without the present one.
  [[nodiscard]] std::vector<TokenId> fitting(const Words& words, std::size_t position,
                                             const std::vector<TokenId>& ranked, std::size_t first,
                                             std::size_t count) const;

 private:
  const data::Task& task_;
  std::vector<data::Record> records_;
  std::vector<TokenId> opening_;
  std::vector<TokenId> tokens_;
};

// Returns the tokens in ascending order of `score`, which is by token id; ties: the lower id first.
[[nodiscard]] std::vector<TokenId> ranked_tokens(std::vector<TokenId> tokens,
                                                 const std::vector<float>& score);

}  // namespace incipit::eval
