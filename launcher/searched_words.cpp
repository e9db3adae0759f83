#include "launcher/searched_words.h"

#include <iterator>
#include <utility>

#include "comm/agreement.h"
#include "configs/list_blocks.h"
#include "core/error.h"

namespace incipit::launcher {

std::optional<Phrases> load_phrases(const std::string& file, configs::RunConfig& config) {
  if (file.empty()) return std::nullopt;
  Phrases phrases{.text = configs::read_yaml_text(file), .slots = {}, .task = config.task};
  phrases.slots = configs::parse_phrases(phrases.text, file, config.task);
  const eval::Words first(phrases.slots.size(), 0);
  config.task = configs::with_phrases(phrases.task, phrases.slots, first);
  return phrases;
}

SearchedWords::SearchedWords(const Session& session, std::optional<Phrases> phrases,
                             const eval::RewordedSplit& train,
                             const eval::RewordedSplit& validation)
    : phrases_(std::move(phrases)) {
  if (phrases_) {
    comm::require_same(session.world(), "phrases", phrases_->text);
    start_.assign(phrases_->slots.size(), 0);
    return;
  }
  std::vector<data::Record> records = train.records();
  records.insert(records.end(), validation.records().begin(), validation.records().end());
  tokens_.emplace(*session.task, std::move(records));
  start_ = first_tokens(session);
}

eval::Words SearchedWords::first_tokens(const Session& session) const {
  constexpr std::uint64_t kStartStream = 0x7374617274;  // "start"
  const eval::SearchOptions& options = session.config.search;
  if (options.start.empty()) {
    Random random(session.config.run.seed, kStartStream);
    return tokens_->draw(options.length, random);
  }
  eval::Words words = session.task->tokenizer().encode(options.start);
  if (words.empty() || !tokens_->survives(words)) {
    throw ConfigError(
        "search.start: '" + options.start +
        "' has other tokens before the task's text; expected text of one line without special "
        "tokens; a line break in between keeps the tokens: --set 'task.source_prefix=\"\\n\"'");
  }
  return words;
}

eval::Words SearchedWords::draw(Random& random) const {
  if (!phrases_) return tokens_->draw(std::ssize(start_), random);
  eval::Words words;
  for (const std::size_t size : sizes()) {
    words.push_back(static_cast<std::int32_t>(random.below(size)));
  }
  return words;
}

data::TaskOptions SearchedWords::options(const eval::Words& words) const {
  return phrases_ ? configs::with_phrases(phrases_->task, phrases_->slots, words)
                  : tokens_->options(words);
}

std::vector<std::string> SearchedWords::texts(const eval::Words& words) const {
  if (!phrases_) return {tokens_->text(words)};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < words.size(); ++i) {
    texts.push_back(phrases_->slots[i].phrases[static_cast<std::size_t>(words[i])]);
  }
  return texts;
}

std::vector<std::string> SearchedWords::slots() const {
  std::vector<std::string> names;
  if (!phrases_) return names;
  for (const configs::PhraseSlot& slot : phrases_->slots) names.push_back(slot.slot);
  return names;
}

std::vector<std::size_t> SearchedWords::sizes() const {
  std::vector<std::size_t> sizes;
  if (!phrases_) return sizes;
  for (const configs::PhraseSlot& slot : phrases_->slots) sizes.push_back(slot.phrases.size());
  return sizes;
}

}  // namespace incipit::launcher
