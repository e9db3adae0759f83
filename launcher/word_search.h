// A search over the words of a prompt, with its random control (`incipit search`).
//
// The files of its run directory: search.jsonl (launcher/search_journal.h), search.json,
// report.html and config.yaml, the configuration with the words found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/reworded_split.h"
#include "eval/search_results.h"
#include "eval/word_climb.h"
#include "launcher/search_journal.h"
#include "launcher/searched_words.h"
#include "launcher/session.h"
#include "launcher/word_scorer.h"
#include "telemetry/progress.h"

namespace incipit::launcher {

// One search, on all ranks.
class WordSearch {
 public:
  // `config`: that of load_search(). `phrases`: those of load_phrases(). Throws ConfigError when
  // search.passes does not suffice for the start, and as SearchedWords. Collective.
  WordSearch(const configs::RunConfig& config, std::optional<Phrases> phrases);

  // Searches, or continues in the run directory, where rank 0 writes the results. Returns them on
  // rank 0. Throws Stopped, on every rank, after a stop request. Collective over the mesh.
  [[nodiscard]] std::optional<eval::SearchResults> run();

 private:
  [[nodiscard]] std::string identity() const;
  void open_journal();
  [[nodiscard]] eval::WordClimb make_climb(WordScorer& scorer, std::int64_t budget,
                                           const char* title);
  void search(WordScorer& scorer, eval::WordClimb& climb);
  void search_at_random(eval::WordClimb& climb);
  [[nodiscard]] eval::ShownWords shown(const eval::WordStep& step) const;
  [[nodiscard]] eval::WordOutcome outcome(const std::string& name,
                                          const eval::WordClimb& climb) const;
  void fill_results(const eval::WordClimb& found, const eval::WordClimb& random);
  void evaluate(const WordScorer& scorer, const std::vector<eval::Words>& words);
  void write(const eval::Words& best) const;

  Session session_;
  std::filesystem::path dir_;
  data::Dataset train_examples_;
  data::Dataset validation_examples_;
  eval::RewordedSplit train_;
  eval::RewordedSplit validation_;
  SearchedWords words_;
  std::optional<SearchJournal> journal_;
  std::unique_ptr<telemetry::Progress> progress_;  // rank 0 only
  eval::SearchResults results_;
};

}  // namespace incipit::launcher
