// Chooses the verbalizer: what the model must answer for each of a user's labels.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/forest.h"  // TokenId
#include "data/task_options.h"

namespace incipit::init {

using Encode = std::function<std::vector<TokenId>(std::string_view)>;

enum class AnswerKind {
  kWords,       // words from the labels, one token each
  kLetters,     // A, B, C: one token each; the template must explain them
  kBeginnings,  // one token each, some only the beginning of a word
  kWholeLabels  // no distinguishing tokens found: several tokens each
};

struct Answers {
  AnswerKind kind = AnswerKind::kWords;
  bool on_new_line = false;  // no leading space: the template must end with a newline
  std::vector<data::VerbalizerEntry> verbalizer;  // in label order
  std::vector<std::vector<TokenId>> tokens;       // tokens of the verbalizer's texts

  // Returns whether the text differs from the label itself, ignoring ASCII case.
  [[nodiscard]] bool is_stand_in(std::size_t label) const;
  // Returns the text without its leading space.
  [[nodiscard]] std::string word(std::size_t label) const;
};

// Chooses one token per label, all different, if the vocabulary allows it. Tries in this order: the
// label itself, a word that no other label has, letters, beginnings of words. The answer has a
// leading space as within a sentence, or else is on its own line. `labels` must all be different.
[[nodiscard]] Answers choose_answers(const std::vector<std::string>& labels, const Encode& encode);

}  // namespace incipit::init
