// Entities in a text: spans of it with a label, and tags of its words.
//
// Tags are BIO: B-LABEL begins an entity, I-LABEL continues it, O is outside of any. Tag 0 is O;
// label k has the tags 1 + 2k (B) and 2 + 2k (I).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/range.h"

namespace incipit::data {

// A word of a text. Its place in bytes and in characters (Unicode code points).
struct Word {
  Range bytes;
  Range characters;
};

// Returns the words of a text: each run of letters, digits, marks and connectors (\w of Unicode's
// UTS #18), and each other character that is not white space. Expects UTF-8.
[[nodiscard]] std::vector<Word> split_words(std::string_view text);

// Returns the tags of the labels, in order: O, B-first, I-first, ...
[[nodiscard]] std::vector<std::string> bio_tags(std::span<const std::string> labels);

// Consecutive words with a label, an index into the labels.
struct WordSpan {
  Range words;
  int label = 0;
  friend bool operator==(const WordSpan&, const WordSpan&) = default;
};

// Returns the entities of tags as seqeval counts them (get_entities, and so conlleval): an entity
// also begins at an I that follows O or another label.
[[nodiscard]] std::vector<WordSpan> entities_of_tags(std::span<const int> tags);
// Returns tags of `words` words. The entities do not overlap.
[[nodiscard]] std::vector<int> tags_of_entities(std::span<const WordSpan> entities,
                                                std::size_t words);

// Returns the entities as a JSON list of {"start", "end" (characters), "label", "text"}.
[[nodiscard]] std::string entities_json(std::string_view text, std::span<const Word> words,
                                        std::span<const WordSpan> entities,
                                        std::span<const std::string> labels);

// Returns the numbers of entities of an answer that are right, of the answer's, and of the right
// ones. Both are entities_json(). Entities are equal if start, end and label are.
[[nodiscard]] std::vector<double> entity_counts(std::string_view answer, std::string_view right);
// Returns F1 of the summed counts; 0 if there are no entities at all, as in seqeval.
[[nodiscard]] double entity_f1(std::span<const double> counts);

}  // namespace incipit::data
