// The words that a search chooses among: tokens before the task's text, or a phrase for every slot
// of its template.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "configs/phrases.h"
#include "core/random.h"
#include "data/task_options.h"
#include "eval/reworded_split.h"
#include "eval/token_space.h"
#include "eval/word_climb.h"
#include "launcher/session.h"

namespace incipit::launcher {

// Phrases, and the task as it was before they were put in.
struct Phrases {
  std::string text;  // of their file
  std::vector<configs::PhraseSlot> slots;
  data::TaskOptions task;
};

// Reads phrases and puts the first of each slot into the task of `config`. Returns nothing without
// a file. Throws what configs::parse_phrases() does.
[[nodiscard]] std::optional<Phrases> load_phrases(const std::string& file,
                                                  configs::RunConfig& config);

class SearchedWords {
 public:
  // Without `phrases`, the words are tokens that stay themselves before the records of `train` and
  // `validation`. Throws ConfigError if those of search.start do not. The session must outlive the
  // object. Collective.
  SearchedWords(const Session& session, std::optional<Phrases> phrases,
                const eval::RewordedSplit& train, const eval::RewordedSplit& validation);

  // The words that the search starts with.
  [[nodiscard]] const eval::Words& start() const { return start_; }
  // Returns random words.
  [[nodiscard]] eval::Words draw(Random& random) const;
  // Returns the task with these words.
  [[nodiscard]] data::TaskOptions options(const eval::Words& words) const;
  // Returns the text of the tokens, or the phrase of every slot.
  [[nodiscard]] std::vector<std::string> texts(const eval::Words& words) const;
  // The tokens; nullptr: phrases.
  [[nodiscard]] const eval::TokenSpace* tokens() const { return tokens_ ? &*tokens_ : nullptr; }
  // Names of the slots and numbers of their phrases; empty: tokens.
  [[nodiscard]] std::vector<std::string> slots() const;
  [[nodiscard]] std::vector<std::size_t> sizes() const;
  // The text of the phrases' file, or "".
  [[nodiscard]] std::string file_text() const { return phrases_ ? phrases_->text : ""; }

 private:
  [[nodiscard]] eval::Words first_tokens(const Session& session) const;

  std::optional<Phrases> phrases_;
  std::optional<eval::TokenSpace> tokens_;
  eval::Words start_;
};

}  // namespace incipit::launcher
