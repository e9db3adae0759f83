#include "init/answers.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "init/words.h"

namespace incipit::init {
namespace {

constexpr std::size_t kLetterCount = 26;
constexpr std::size_t kShortestBeginning = 2;  // bytes
constexpr std::array<std::string_view, 10> kSmallWords{"and", "or", "the", "of",  "a",
                                                       "an",  "to", "in",  "for", "on"};

class Chooser {
 public:
  Chooser(const std::vector<std::string>& labels, const Encode& encode)
      : labels_(labels), encode_(encode) {
    for (const std::string& label : labels) {
      std::set<std::string> own;
      for (const std::string& word : words_of(label)) own.insert(lower(word));
      for (const std::string& word : own) ++labels_with_[word];
    }
  }

  [[nodiscard]] Answers choose() {
    for (const AnswerKind kind :
         {AnswerKind::kWords, AnswerKind::kLetters, AnswerKind::kBeginnings}) {
      for (const bool on_new_line : {false, true}) {
        if (try_kind(kind, on_new_line)) return answers(kind, on_new_line);
      }
    }
    texts_.clear();
    for (const std::string& label : labels_) texts_.emplace_back(" " + label);
    return answers(AnswerKind::kWholeLabels, false);
  }

 private:
  bool try_kind(AnswerKind kind, bool on_new_line) {
    space_ = on_new_line ? "" : " ";
    taken_.clear();
    texts_.assign(labels_.size(), std::nullopt);
    if (kind == AnswerKind::kLetters) return try_letters();
    // Labels that are themselves one token come first, so that no substitute takes their token.
    for_missing([&](std::size_t label) {
      return take(label, labels_[label]) || take(label, lower(labels_[label]));
    });
    for_missing([&](std::size_t label) { return take_word(label); });
    if (kind == AnswerKind::kBeginnings) {
      for_missing([&](std::size_t label) { return take_beginning(label); });
    }
    return std::all_of(texts_.begin(), texts_.end(), [](const auto& text) { return !!text; });
  }

  bool try_letters() {
    if (labels_.size() > kLetterCount) return false;
    bool all = true;
    for_missing([&](std::size_t label) {
      return all = all && take(label, std::string(1, static_cast<char>('A' + label)));
    });
    return all;
  }

  template <typename Choose>
  void for_missing(const Choose& choose) {
    for (std::size_t label = 0; label < labels_.size(); ++label) {
      if (!texts_[label]) (void)choose(label);
    }
  }

  // Assigns a text to the label if it is one token that no other label has.
  bool take(std::size_t label, const std::string& text) {
    const auto tokens = encode_(space_ + text);
    if (tokens.size() != 1 || !taken_.insert(tokens.front()).second) return false;
    texts_[label] = space_ + text;
    return true;
  }

  bool take_word(std::size_t label) {
    const auto words = telling_words(label);
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return take(label, lower(word)) || take(label, word);
    });
  }

  bool take_beginning(std::size_t label) {
    std::vector<std::string> words = telling_words(label);
    for (std::string& word : words_of(labels_[label])) words.push_back(std::move(word));
    for (const std::string& word : words) {
      for (std::size_t size = word.size(); size >= kShortestBeginning; --size) {
        const bool within_character =
            size < word.size() && (static_cast<unsigned char>(word[size]) & 0xC0) == 0x80;
        if (!within_character && take(label, lower(word.substr(0, size)))) return true;
      }
    }
    return false;
  }

  // Returns the label's words that no other label has, without stop words.
  [[nodiscard]] std::vector<std::string> telling_words(std::size_t label) const {
    std::vector<std::string> words = words_of(labels_[label]);
    std::erase_if(words, [&](const std::string& word) {
      const std::string plain = lower(word);
      return labels_with_.at(plain) > 1 ||
             std::find(kSmallWords.begin(), kSmallWords.end(), plain) != kSmallWords.end();
    });
    return words;
  }

  [[nodiscard]] Answers answers(AnswerKind kind, bool on_new_line) const {
    Answers result{.kind = kind, .on_new_line = on_new_line, .verbalizer = {}, .tokens = {}};
    for (std::size_t label = 0; label < labels_.size(); ++label) {
      result.verbalizer.push_back({.label = labels_[label], .text = *texts_[label]});
      result.tokens.push_back(encode_(*texts_[label]));
    }
    return result;
  }

  const std::vector<std::string>& labels_;
  const Encode& encode_;
  std::map<std::string, int> labels_with_;  // per lower-case word
  std::string space_;
  std::set<TokenId> taken_;
  std::vector<std::optional<std::string>> texts_;
};

}  // namespace

bool Answers::is_stand_in(std::size_t label) const {
  return lower(word(label)) != lower(verbalizer[label].label);
}

std::string Answers::word(std::size_t label) const { return trimmed(verbalizer[label].text); }

Answers choose_answers(const std::vector<std::string>& labels, const Encode& encode) {
  return Chooser(labels, encode).choose();
}

}  // namespace incipit::init
