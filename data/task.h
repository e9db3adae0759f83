// A task: turns records into the text that a model reads (source) and the text that it is scored or
// trained on (target).
//
// A sequence, from its root, is
//
//   [BOS] soft prompt [BOS]   prefix()            source           target or candidate
//   (before or after it)      chat's opening,     source_prefix,   separator, text of the
//                             hard prompt,        template         verbalizer or candidate
//                             few-shot examples
//
// Prefix, source and target are tokenized separately and joined, so each boundary between them is a
// token boundary. Only what begins the text gets the mark that some tokenizers put there
// (Tokenizer::encode_after). In chat format the source ends with the generation prompt, and leading
// white space is removed from verbalizers and targets, because the answer starts there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/forest.h"
#include "data/chat.h"
#include "data/entities.h"
#include "data/hard_prompt.h"
#include "data/record.h"
#include "data/special_tokens.h"
#include "data/task_options.h"
#include "data/template.h"
#include "data/tokenizer/tokenizer.h"
#include "data/verbalizer.h"

namespace incipit::data {

// A possible answer.
struct Candidate {
  std::string label;
  std::string text;             // as tokenized: with the separator, without EOS
  std::vector<TokenId> tokens;  // of a trained head: the number of its output
};
using Candidates = std::vector<Candidate>;

// A text of which a head scores places.
struct ScoredText {
  std::string text;
  std::vector<Word> places;  // its words
  // By place: the index of its last token in the source. In a causal model that token's row has
  // seen the whole word. The places after these were cut (task.max_source_tokens).
  std::vector<std::int64_t> rows;
};

struct Example {
  std::int64_t line = 0;  // in its file, from 1
  std::int64_t part = 0;  // index among the examples of that line, from 0
  // JSON text of the id field, or of the list of several id fields. Without one, the record's
  // number from 0; with `foreach`, [number, part].
  std::string id;
  std::string group;         // text of the group field; empty: its own group
  std::string metric_group;  // text of that field; empty: its own group
  // Right answers, if the task names a list of them; else, if answers are free text, the target.
  // Under answer rule `referent`: the text that the generated answer is compared with, also for
  // unlabelled examples.
  std::vector<std::string> references;
  // Hash of the source's whole text before truncation, and of the record's own candidates.
  std::uint64_t content = 0;
  std::vector<TokenId> source;
  bool truncated = false;
  // Index into the candidates, or into the labels if there are no candidates. -1: unknown, or the
  // right answer is none of the record's candidates.
  int label = -1;
  // Tokens of the right candidate or target, or the outputs of a head; empty: unlabelled. With
  // `scored`, the tags at its rows, or the answer's first and last place.
  std::vector<TokenId> target;
  std::shared_ptr<const ScoredText> scored;  // if the task scores places
  // In label order. Shared by all examples unless they depend on the record; empty: generation.
  std::shared_ptr<const Candidates> candidates;
};

// The parts of a model that a task needs.
struct TaskModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  SpecialTokens special;
  std::optional<ChatFormat> chat;  // needed by format chat
  std::int64_t max_positions = 0;  // of the backbone; 0: unchecked
  std::int64_t vocab_size = 0;     // token ids that the backbone has embeddings for; 0: unchecked
};

// What a model can take: see TaskModel.
struct ModelLimits {
  std::int64_t max_positions = 0;
  std::int64_t vocab_size = 0;
};

// Reads tokenizer, special tokens and, for format chat, the chat format from a model folder. In
// format chat, EOS is the token that ends an assistant's turn, if it is a special token. Throws
// DataError as the readers do.
[[nodiscard]] TaskModel load_task_model(const std::filesystem::path& model_dir,
                                        const TaskOptions& options, const ModelLimits& limits = {});

enum class BosPlace { kNone, kBeforePrompt, kAfterPrompt };

class Task {
 public:
  // Throws ConfigError with the first problem of validate(options), when a BOS or EOS is requested
  // that the model does not have, and when two texts of a verbalizer without fields have the same
  // tokens, or one has none or a token that the model does not have.
  Task(TaskOptions options, TaskModel model);

  // Expands a record into one record per example: after preprocessing, one for each element of
  // every list in `foreach` and, if `training`, `train_foreach`; if `training`, only those with the
  // values of `train_where` are kept. The result may be empty. Throws DataError.
  [[nodiscard]] std::vector<Record> expand(Record record, bool training) const;

  // Tokenizes a record. `labelled`: a missing label or target is an error instead of -1. Throws
  // DataError with file and line on missing or wrong fields, when a source exceeds
  // max_source_tokens and may not be truncated, and on tokens that the model does not have.
  [[nodiscard]] Example example(const Record& record, bool labelled) const;

  // Like example(), but ignores label, target and group: for prediction.
  [[nodiscard]] Example question(const Record& record) const;

  // The texts that example() tokenizes, not truncated: for display, and for comparison with joint
  // tokenization. target_text() throws DataError when has_target() is false.
  [[nodiscard]] std::string source_text(const Record& record) const;
  [[nodiscard]] std::string target_text(const Record& record) const;
  [[nodiscard]] bool has_target(const Record& record) const;

  // Returns the source of an input without content, in which `text` stands for every field: the
  // baseline of the scores `pmi` and `calibrated`.
  [[nodiscard]] std::vector<TokenId> content_free_source(std::string_view text) const;

  // Returns the tokens of a source that begins with `text` and is not complete: what the model
  // continues when it writes an input of the task itself.
  [[nodiscard]] std::vector<TokenId> source_opening(std::string_view text) const;
  [[nodiscard]] const Template& source_template() const { return template_; }

  // Sets the few-shot examples that precede every source, in this order, after the hard prompt.
  // Replaces earlier ones.
  void set_demonstrations(const std::vector<Record>& records);
  // Returns the tokens that prefix() would have with these few-shot examples. Throws DataError as
  // rendering does.
  [[nodiscard]] std::vector<TokenId> few_shot_tokens(const std::vector<Record>& records) const;
  // Returns the tokens of a chat's opening, with which prefix() begins if it is not empty, and else
  // every source. Nothing in raw format.
  [[nodiscard]] std::vector<TokenId> opening() const;
  // Returns a hash of the prefix, for comparisons between ranks and runs.
  [[nodiscard]] std::string prefix_fingerprint() const;
  // Keeps at most the first `tokens` tokens of the prefix.
  void shorten_prefix(std::int64_t tokens);
  // Tokens between soft prompt and source; the same for every example.
  [[nodiscard]] const std::vector<TokenId>& prefix() const { return prefix_; }

  [[nodiscard]] BosPlace bos_place() const { return bos_place_; }
  // Requires bos_place() other than kNone.
  [[nodiscard]] TokenId bos() const { return *model_.special.bos; }

  // Returns the rows of the example's longest sequence with a soft prompt of `prompt_rows` rows.
  // The last token of an answer is predicted but takes no row.
  [[nodiscard]] std::int64_t rows(const Example& example, std::int64_t prompt_rows) const;
  // Throws DataError "FILE:LINE: ..." when rows() exceeds the model's positions, or when nothing
  // precedes the target from which its first token could be predicted.
  void check_rows(const Example& example, const std::string& file, std::int64_t prompt_rows) const;

  // Returns why the model cannot take the tokens: one of them is beyond its vocabulary. "": it can.
  [[nodiscard]] std::string objection(std::span<const TokenId> tokens) const;

  // Class names in the order of Example::label; empty if answers are free text, or each record has
  // its own candidates.
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  // The candidates of every example, if they do not depend on the record; else empty.
  [[nodiscard]] const Candidates& candidates() const { return *candidates_; }
  // Whether the task has a target and no candidates, so that answers are generated.
  [[nodiscard]] bool generates() const { return !options_.target.empty(); }
  [[nodiscard]] const TaskOptions& options() const { return options_; }
  [[nodiscard]] const TaskModel& model() const { return model_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *model_.tokenizer; }

 private:
  struct Gold {
    int label = -1;
    std::string text;  // as tokenized
  };
  [[nodiscard]] std::string content(const Record& record) const;
  [[nodiscard]] std::string wrap(std::string text) const;
  [[nodiscard]] std::string answer_text(const std::string& text) const;
  [[nodiscard]] std::vector<TokenId> answer_tokens(const std::string& text) const;
  // Tokens of a text of the prefix, after another one, and of a source.
  [[nodiscard]] std::vector<TokenId> text_after_text(const std::string& text) const;
  [[nodiscard]] std::vector<TokenId> source_tokens(const std::string& text) const;
  // Text that precedes every answer, for tokenizers that need to know that something does.
  [[nodiscard]] std::string_view before_answers() const;
  void cut_source(const Record& record, const std::string& text,
                  std::vector<TokenId>& source) const;
  // Throws DataError "FILE:LINE: ..." with the objection() to the tokens, if there is one.
  void require_known(const Record& record, std::span<const TokenId> tokens) const;
  // Throws DataError when metric numeric_match is asked for and a text has no number.
  void require_numbers(const Record& record, const std::vector<std::string>& texts) const;
  void resolve_bos();
  void build_candidates();
  // Returns the candidates of a record: the shared ones, or its own.
  [[nodiscard]] std::shared_ptr<const Candidates> candidates_of(const Record& record) const;
  [[nodiscard]] Candidate own_candidate(const Record& record, std::string label,
                                        const Template& text) const;
  [[nodiscard]] std::vector<std::string> references(const Record& record) const;
  // Returns the text of which places are scored, without rows (task_places.cpp).
  [[nodiscard]] ScoredText scored_text(const Record& record) const;
  // Whether a record has right outputs.
  [[nodiscard]] bool has_right_outputs(const Record& record) const;
  // Sets the source, and what follows from it.
  void read_places(const Record& record, Example& example) const;
  // Sets the right outputs, and the reference.
  void label_places(const Record& record, Example& example) const;
  [[nodiscard]] std::vector<int> right_tags(const Record& record, const ScoredText& scored) const;
  void label_span(const Record& record, Example& example) const;
  // Throws DataError "FILE:LINE: ..." because the source has so many tokens.
  [[noreturn]] void fail_too_long(const Record& record, std::size_t tokens) const;
  // Returns the index of the record's label in labels().
  [[nodiscard]] int listed_label(const Record& record) const;
  [[nodiscard]] Gold gold(const Record& record, const Candidates& candidates) const;
  [[nodiscard]] Gold gold_of_own(const Record& record, const Candidates& candidates) const;

  TaskOptions options_;
  TaskModel model_;
  Template template_;
  std::optional<Template> target_;
  std::optional<Template> candidate_text_;
  std::optional<Template> candidate_label_;
  Verbalizer verbalizer_;
  BosPlace bos_place_ = BosPlace::kNone;
  std::optional<TokenId> eos_;  // appended to every target and candidate
  std::vector<std::string> labels_;
  std::shared_ptr<const Candidates> candidates_;
  std::optional<HardPrompt> hard_prompt_;
  std::vector<TokenId> prefix_;
};

}  // namespace incipit::data
