// What the model is to say for each of a user's labels.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/forest.h"  // TokenId
#include "data/task_options.h"

namespace incipit::launcher {

using Encode = std::function<std::vector<TokenId>(std::string_view)>;

enum class AnswerKind {
  kWords,       // words of the labels, a token each
  kLetters,     // A, B, C: a token each; the template has to say what they stand for
  kBeginnings,  // a token each, some of them only the beginning of a word
  kWholeLabels  // no tokens can be found that tell the labels apart: several tokens each
};

struct Answers {
  AnswerKind kind = AnswerKind::kWords;
  bool on_new_line = false;  // no space in front: the template has to end with a line end
  std::vector<data::VerbalizerEntry> verbalizer;  // in the order of the labels
  std::vector<std::vector<TokenId>> tokens;       // of the verbalizer's texts

  // The text is not the label's own, spelled as it may be.
  [[nodiscard]] bool is_stand_in(std::size_t label) const;
  // The text without the space in front.
  [[nodiscard]] std::string word(std::size_t label) const;
};

// One token per label, all different, wherever the vocabulary allows it: the label itself; else a
// word that no other label has; letters; beginnings of words. With a space in front as within a
// sentence, or else on a line of their own. `labels` are all different.
[[nodiscard]] Answers choose_answers(const std::vector<std::string>& labels, const Encode& encode);

}  // namespace incipit::launcher
