// Tasks whose head scores places of a text.
#include <algorithm>
#include <charconv>
#include <iterator>
#include <memory>
#include <utility>

#include "core/text.h"
#include "data/task.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

// Fields of a record.
constexpr const char* kTokens = "tokens";      // a list of words, in place of the text
constexpr const char* kTags = "tags";          // their tags
constexpr const char* kEntities = "entities";  // [{"start": 3, "end": 10, "label": "place"}]

std::int64_t number_at(const Record& record, const std::string& path) {
  const std::string text = record.text(path);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  record.fail(path + " is '" + text + "'; expected a whole number");
}

std::int64_t characters_of(std::string_view text) {
  std::int64_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) (void)next_char(text, at);
  return characters;
}

// Joins words by spaces.
ScoredText joined(const Record& record) {
  ScoredText scored;
  std::int64_t characters = 0;
  const std::int64_t size = record.list_size(kTokens);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::string word = record.text(std::string(kTokens) + "." + std::to_string(i));
    if (word.empty()) record.fail("word " + std::to_string(i + 1) + " of tokens is empty");
    if (i > 0) {
      scored.text += ' ';
      ++characters;
    }
    const auto begin = static_cast<std::int64_t>(scored.text.size());
    scored.text += word;
    const std::int64_t end = characters + characters_of(word);
    scored.places.push_back(
        {{begin, static_cast<std::int64_t>(scored.text.size())}, {characters, end}});
    characters = end;
  }
  return scored;
}

// Returns the words from character `begin` to `end`, which must be words.
Range words_between(const Record& record, const std::string& what, const ScoredText& scored,
                    std::int64_t begin, std::int64_t end) {
  Range words{-1, -1};
  for (std::size_t i = 0; i < scored.places.size(); ++i) {
    const Range& word = scored.places[i].characters;
    if (word.begin == begin) words.begin = static_cast<std::int64_t>(i);
    if (word.end == end) words.end = static_cast<std::int64_t>(i) + 1;
  }
  if (words.begin >= 0 && words.end > words.begin) return words;
  record.fail(what + " is from character " + std::to_string(begin) + " to " + std::to_string(end) +
              ", which are not the beginning of a word and the end of one; words are runs of "
              "letters and digits, and other characters one by one");
}

// Where a record has its right answers and the characters at which they begin, in any of the forms
//   {"answers": ["...", ...], "answer_start": [3, ...]}
//   {"answers": [{"text": "...", "answer_start": 3}, ...]}         SQuAD
//   {"answers": {"text": ["...", ...], "answer_start": [3, ...]}}  Hugging Face's squad
class AnswerPaths {
 public:
  AnswerPaths(const Record& record, const std::string& list) {
    if (record.has(list + ".text")) {
      texts_ = list + ".text.";
      starts_ = list + ".answer_start.";
      size_ = record.list_size(list + ".text");
      return;
    }
    size_ = record.list_size(list);
    texts_ = list + ".";
    starts_ = "answer_start.";
    if (size_ == 0 || !record.has(list + ".0.text")) return;
    text_key_ = ".text";
    starts_ = texts_;
    start_key_ = ".answer_start";
  }
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] std::string text(std::int64_t i) const {
    return texts_ + std::to_string(i) + text_key_;
  }
  [[nodiscard]] std::string start(std::int64_t i) const {
    return starts_ + std::to_string(i) + start_key_;
  }

 private:
  std::int64_t size_ = 0;
  std::string texts_, text_key_, starts_, start_key_;
};

// Whether `part` is in `text` at character `begin`.
bool stands_at(std::string_view text, std::int64_t begin, std::string_view part) {
  std::size_t at = 0;
  for (std::int64_t i = 0; i < begin && at < text.size(); ++i) (void)next_char(text, at);
  return text.substr(at).starts_with(part);
}

int index_of(const Record& record, const std::string& what, const std::string& name,
             const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  record.fail(what + " is '" + name + "'; task.labels allows " + join(names) +
              did_you_mean(name, names));
}

}  // namespace

bool Task::has_right_outputs(const Record& record) const {
  if (options_.kind == TaskKind::kExtractiveQuestion) return record.has(references_path(options_));
  return record.has(kTags) || record.has(kEntities);
}

ScoredText Task::scored_text(const Record& record) const {
  if (record.has(kTokens)) return joined(record);
  ScoredText scored;
  scored.text = record.text(text_field(options_));
  scored.places = split_words(scored.text);
  return scored;
}

// Words are tokenized one by one, each with the white space before it, so that every word ends with
// a token.
void Task::read_places(const Record& record, Example& example) const {
  auto scored = std::make_shared<ScoredText>(scored_text(record));
  const std::string& text = scored->text;
  const auto around = template_.around(record, text_field(options_), text);
  constexpr char kText = '\x01';  // in place of the text
  const std::string whole = wrap(options_.source_prefix + around.before + kText + around.after);
  const std::size_t place = whole.rfind(kText);
  std::vector<TokenId>& source = example.source;
  source = source_tokens(whole.substr(0, place));
  const std::vector<TokenId> closing = tokenizer().encode_after("\n", whole.substr(place + 1));
  const auto limit = static_cast<std::size_t>(options_.max_source_tokens);
  std::size_t begin = 0;
  for (const Word& word : scored->places) {
    const auto end = static_cast<std::size_t>(word.bytes.end);
    const std::string_view piece = std::string_view(text).substr(begin, end - begin);
    const std::vector<TokenId> ids =
        source.empty() ? tokenizer().encode(piece) : tokenizer().encode_after("\n", piece);
    const std::size_t tokens = source.size() + ids.size() + closing.size();
    if (limit > 0 && tokens > limit) {
      if (options_.truncate.kind == TruncateOptions::Kind::kNone) fail_too_long(record, tokens);
      example.truncated = true;
      break;
    }
    source.insert(source.end(), ids.begin(), ids.end());
    if (source.empty()) record.fail("the word '" + std::string(piece) + "' has no tokens");
    scored->rows.push_back(static_cast<std::int64_t>(source.size()) - 1);
    begin = end;
  }
  source.insert(source.end(), closing.begin(), closing.end());
  require_known(record, source);
  example.scored = std::move(scored);
}

std::vector<int> Task::right_tags(const Record& record, const ScoredText& scored) const {
  const auto path = [](const char* list, std::int64_t index) {
    return std::string(list) + "." + std::to_string(index);
  };
  if (record.has(kTags)) {
    const std::vector<std::string> names = bio_tags(options_.labels);
    std::vector<int> tags;
    for (std::int64_t i = 0; i < record.list_size(kTags); ++i) {
      tags.push_back(index_of(record, path(kTags, i), record.text(path(kTags, i)), names));
    }
    if (tags.size() == scored.places.size()) return tags;
    record.fail("has " + std::to_string(tags.size()) + " tags for " +
                std::to_string(scored.places.size()) + " words");
  }
  std::vector<WordSpan> entities;
  for (std::int64_t i = 0; i < record.list_size(kEntities); ++i) {
    const std::string entity = path(kEntities, i);
    const int label =
        index_of(record, entity + ".label", record.text(entity + ".label"), options_.labels);
    const Range words = words_between(record, entity, scored, number_at(record, entity + ".start"),
                                      number_at(record, entity + ".end"));
    for (const WordSpan& other : entities) {
      if (other.words.begin >= words.end || other.words.end <= words.begin) continue;
      record.fail(entity + " overlaps with another entity, but a word has one tag");
    }
    entities.push_back({words, label});
  }
  return tags_of_entities(entities, scored.places.size());
}

// Sets the first right answer's first and last word. Answers may begin or end within a word.
void Task::label_span(const Record& record, Example& example) const {
  const ScoredText& scored = *example.scored;
  const AnswerPaths paths(record, references_path(options_));
  for (std::int64_t i = 0; i < paths.size(); ++i) {
    example.references.push_back(record.text(paths.text(i)));
  }
  if (example.references.empty()) record.fail(references_path(options_) + " is empty");
  const std::string& answer = example.references.front();
  const std::int64_t begin = number_at(record, paths.start(0));
  const std::int64_t end = begin + characters_of(answer);
  Range words{-1, -1};  // the first and the last
  for (std::size_t i = 0; i < scored.places.size(); ++i) {
    const Range& word = scored.places[i].characters;
    if (word.end <= begin || word.begin >= end) continue;
    if (words.begin < 0) words.begin = static_cast<std::int64_t>(i);
    words.end = static_cast<std::int64_t>(i);
  }
  if (words.begin < 0 || !stands_at(scored.text, begin, answer)) {
    record.fail("the answer '" + answer + "' is not at character " + std::to_string(begin) +
                " of " + text_field(options_));
  }
  if (words.end >= std::ssize(scored.rows)) {
    record.fail("the answer '" + answer +
                "' is in the part that was cut; raise task.max_source_tokens, or skip such records "
                "with task.on_bad_record: skip");
  }
  example.target = {static_cast<TokenId>(words.begin), static_cast<TokenId>(words.end)};
}

void Task::label_places(const Record& record, Example& example) const {
  if (options_.kind == TaskKind::kExtractiveQuestion) return label_span(record, example);
  const ScoredText& scored = *example.scored;
  const std::vector<int> tags = right_tags(record, scored);
  example.target.assign(tags.begin(),
                        tags.begin() + static_cast<std::ptrdiff_t>(scored.rows.size()));
  if (example.target.empty()) record.fail("has no words");
  example.references.push_back(
      entities_json(scored.text, scored.places, entities_of_tags(tags), options_.labels));
}

}  // namespace incipit::data
