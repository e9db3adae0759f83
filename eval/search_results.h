// The results of a search over words, and their file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/evaluation.h"

namespace incipit::eval {

// Words with a lower training loss than all before them, as results show them.
struct ShownWords {
  std::vector<std::string> texts;  // the prompt, or the phrase of every slot
  double train_loss = 0;
  double validation_loss = 0;
  std::int64_t passes = 0;  // spent when they were found
};

// Scores on a whole split.
struct WordScoresOnSplit {
  std::string split;
  std::int64_t examples = 0;
  double loss = 0;  // mean of -log p(right answer), nats
  Metrics metrics;
};

// The start, or what the search or its random control found.
struct WordOutcome {
  std::string name;         // "start", "search" or "random"
  ShownWords words;         // those with the lowest validation loss
  std::int64_t scored = 0;  // different choices of words
  std::int64_t passes = 0;  // spent in all
  std::vector<ShownWords> steps;
  std::vector<WordScoresOnSplit> splits;
};

// What the search gains over the control on a split, over the examples of both (paired bootstrap).
struct WordGain {
  std::string split;
  std::string measure;  // "loss": by how much it is lower; "accuracy": by how much it is higher
  MeanInterval gain;
};

struct SearchResults {
  std::string task;
  std::string metric;
  std::vector<std::string> slots;  // empty: a search over tokens
  std::int64_t budget = 0;         // forward passes
  std::int64_t train_examples = 0;
  std::int64_t validation_examples = 0;
  std::vector<WordOutcome> outcomes;  // start, search, random
  std::vector<WordGain> gains;
};

// The answers of one choice of words to the examples of a split.
struct WordAnswers {
  std::vector<double> losses;
  std::vector<double> right;  // 1 or 0; empty: free answers
};

// Returns the gains of `search` over `control`, which answered the same examples.
[[nodiscard]] std::vector<WordGain> word_gains(const std::string& split, const WordAnswers& search,
                                               const WordAnswers& control);

// Returns the results as JSON (search.json), and reads them. read_search() throws DataError naming
// `source` on other text.
[[nodiscard]] std::string search_json(const SearchResults& results);
[[nodiscard]] SearchResults read_search(const std::string& json, const std::string& source);

}  // namespace incipit::eval
