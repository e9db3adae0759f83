#include "data/entities.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "core/check.h"
#include "core/json.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

using EntityKey = std::tuple<std::int64_t, std::int64_t, std::string>;

// A text that is no list of entities has none.
std::set<EntityKey> read_entities(std::string_view json) {
  std::set<EntityKey> entities;
  const auto list = parse_json_or_discard<nlohmann::json>(json);
  if (!list.is_array()) return entities;
  for (const auto& each : list) {
    entities.emplace(each["start"].get<std::int64_t>(), each["end"].get<std::int64_t>(),
                     each["label"].get<std::string>());
  }
  return entities;
}

bool begins(int tag) { return tag % 2 == 1; }
int label_of(int tag) { return (tag - 1) / 2; }

}  // namespace

std::vector<Word> split_words(std::string_view text) {
  std::vector<Word> words;
  bool in_word = false;
  std::int64_t character = 0;
  for (std::size_t at = 0; at < text.size(); ++character) {
    const auto begin = static_cast<std::int64_t>(at);
    const char32_t code = next_char(text, at);
    const auto end = static_cast<std::int64_t>(at);
    const bool continues = in_word && is_word(code);
    in_word = is_word(code);
    if (continues) {
      words.back().bytes.end = end;
      words.back().characters.end = character + 1;
    } else if (!is_white_space(code)) {
      words.push_back({{begin, end}, {character, character + 1}});
    }
  }
  return words;
}

std::vector<std::string> bio_tags(std::span<const std::string> labels) {
  std::vector<std::string> tags{"O"};
  for (const std::string& label : labels) {
    tags.push_back("B-" + label);
    tags.push_back("I-" + label);
  }
  return tags;
}

std::vector<WordSpan> entities_of_tags(std::span<const int> tags) {
  std::vector<WordSpan> entities;
  int before = 0;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const int tag = tags[i];
    const auto word = static_cast<std::int64_t>(i);
    const bool continues =
        before != 0 && tag != 0 && !begins(tag) && label_of(tag) == label_of(before);
    if (continues) {
      entities.back().words.end = word + 1;
    } else if (tag != 0) {
      entities.push_back({{word, word + 1}, label_of(tag)});
    }
    before = tag;
  }
  return entities;
}

std::vector<int> tags_of_entities(std::span<const WordSpan> entities, std::size_t words) {
  std::vector<int> tags(words, 0);
  for (const auto& [span, label] : entities) {
    for (std::int64_t word = span.begin; word < span.end; ++word) {
      INCIPIT_CHECK(tags.at(static_cast<std::size_t>(word)) == 0, "overlapping entities");
      tags[static_cast<std::size_t>(word)] = 2 * label + (word == span.begin ? 1 : 2);
    }
  }
  return tags;
}

std::string entities_json(std::string_view text, std::span<const Word> words,
                          std::span<const WordSpan> entities, std::span<const std::string> labels) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [span, label] : entities) {
    const Word& first = words[static_cast<std::size_t>(span.begin)];
    const Word& last = words[static_cast<std::size_t>(span.end - 1)];
    list.push_back(
        {{"start", first.characters.begin},
         {"end", last.characters.end},
         {"label", labels[static_cast<std::size_t>(label)]},
         {"text", text.substr(static_cast<std::size_t>(first.bytes.begin),
                              static_cast<std::size_t>(last.bytes.end - first.bytes.begin))}});
  }
  return dump_json(list);
}

std::vector<double> entity_counts(std::string_view answer, std::string_view right) {
  const std::set<EntityKey> given = read_entities(answer);
  const std::set<EntityKey> wanted = read_entities(right);
  double both = 0;
  for (const EntityKey& entity : given) both += wanted.contains(entity) ? 1 : 0;
  return {both, static_cast<double>(given.size()), static_cast<double>(wanted.size())};
}

double entity_f1(std::span<const double> counts) {
  const double all = counts[1] + counts[2];
  return all == 0 ? 0 : 2 * counts[0] / all;
}

}  // namespace incipit::data
