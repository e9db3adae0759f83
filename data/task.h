// A task: turns records into what a model reads (source) and is scored or trained on (target).
//
// A sequence is, from its root on,
//
//   [BOS] soft prompt [BOS]   prefix()            source           target or candidate
//   (before or after it)      demonstrations,     source_prefix,   separator, text of the
//                             chat's opening      template         verbalizer or candidate
//
// Prefix, source and target are tokenised apart and joined, so a boundary between them is a
// token boundary. In chat format the source ends with the text that asks for an answer, and
// verbalizers and targets lose white space at their beginning, since an answer starts there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/forest.h"
#include "data/chat.h"
#include "data/record.h"
#include "data/special_tokens.h"
#include "data/task_options.h"
#include "data/template.h"
#include "data/tokenizer/tokenizer.h"
#include "data/verbalizer.h"

namespace incipit::data {

// What a model may answer.
struct Candidate {
  std::string label;
  std::string text;  // as tokenised: with the separator, without EOS
  std::vector<TokenId> tokens;
};
using Candidates = std::vector<Candidate>;

struct Example {
  std::int64_t line = 0;  // of its file, from 1
  std::int64_t part = 0;  // its number among the examples of that line, from 0
  // JSON text of the id field, or of the list of several; without one, the record's number from 0.
  std::string id;
  std::string group;         // text of the group field; empty: a group of its own
  std::string metric_group;  // text of that field; empty: a group of its own
  // Right answers, where the task names a list of them. Answer rule `referent`: the text that the
  // generated one is compared with, of unlabelled examples, too.
  std::vector<std::string> references;
  // Hash of the source's whole text, before any cut, and of candidates of the record's own.
  std::uint64_t content = 0;
  std::vector<TokenId> source;
  bool truncated = false;
  // Index into the candidates, or without any the labels. -1: none is known, or the right answer
  // is none of the record's candidates.
  int label = -1;
  std::vector<TokenId> target;  // the right candidate's, or the target's tokens; empty: unlabelled
  // In label order. Shared by all examples, unless the record has a part in them; empty:
  // generation.
  std::shared_ptr<const Candidates> candidates;
};

// What a task needs to know of a model.
struct TaskModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  SpecialTokens special;
  std::optional<ChatFormat> chat;  // needed by format chat
  std::int64_t max_positions = 0;  // of the backbone; 0: not checked
};

// Reads tokenizer, special tokens and, for format chat, the chat format of a model folder.
// `max_positions` is left 0. Throws DataError as the readers do.
[[nodiscard]] TaskModel load_task_model(const std::filesystem::path& model_dir,
                                        const TaskOptions& options);

enum class BosPlace { kNone, kBeforePrompt, kAfterPrompt };

class Task {
 public:
  // Throws ConfigError with the first of validate(options), where a BOS or EOS is asked for
  // that the model does not have, and where texts of a verbalizer without fields have no or the
  // same tokens.
  Task(TaskOptions options, TaskModel model);

  // The examples that a record holds, each a record of its own: what preprocess makes of it, an
  // element for each name of `each` and, `training`, of `train_each`; then only those with the
  // values of `train_where`. May be none. Throws DataError.
  [[nodiscard]] std::vector<Record> expand(Record record, bool training) const;

  // Tokenises a record. `labelled`: a missing label or target is an error, not -1. Throws DataError
  // with file and line on what is missing or wrong, and on a source too long for
  // max_source_tokens that may not be cut.
  [[nodiscard]] Example example(const Record& record, bool labelled) const;

  // The same without a look at label, target or group: what is asked, to predict on.
  [[nodiscard]] Example question(const Record& record) const;

  // The texts that example() tokenises, uncut: to show, and to compare with joint tokenisation.
  // target_text() throws DataError when has_target() is false.
  [[nodiscard]] std::string source_text(const Record& record) const;
  [[nodiscard]] std::string target_text(const Record& record) const;
  [[nodiscard]] bool has_target(const Record& record) const;

  // The source of a record whose every field is empty: what score `pmi` compares with.
  [[nodiscard]] std::vector<TokenId> empty_source() const;

  // Puts solved examples in front of every source, in this order; replaces earlier ones.
  void set_demonstrations(const std::vector<Record>& records);
  // Tokens between soft prompt and source, the same for every example.
  [[nodiscard]] const std::vector<TokenId>& prefix() const { return prefix_; }

  [[nodiscard]] BosPlace bos_place() const { return bos_place_; }
  // Only where bos_place() is not kNone.
  [[nodiscard]] TokenId bos() const { return *model_.special.bos; }

  // Rows of the longest sequence of an example behind a soft prompt of `prompt_rows` rows. The
  // last token of an answer is predicted, but no row.
  [[nodiscard]] std::int64_t rows(const Example& example, std::int64_t prompt_rows) const;
  // Throws DataError "FILE:LINE: ..." when rows() is above the model's positions, or when
  // nothing stands in front of the target that could predict its first token.
  void check_rows(const Example& example, const std::string& file, std::int64_t prompt_rows) const;

  // The names of the classes that an answer is one of, in the order of Example::label; empty where
  // answers are free texts, or candidates of each record's own.
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  // The candidates of every example, where no record has a part in them; else empty.
  [[nodiscard]] const Candidates& candidates() const { return *candidates_; }
  // Nothing to choose from: answers are generated, and the task has a target.
  [[nodiscard]] bool generates() const { return !options_.target.empty(); }
  [[nodiscard]] const TaskOptions& options() const { return options_; }
  [[nodiscard]] const TaskModel& model() const { return model_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *model_.tokenizer; }

 private:
  struct Gold {
    int label = -1;
    std::string text;  // as tokenised
  };
  [[nodiscard]] std::string content(const Record& record) const;
  [[nodiscard]] std::string wrap(std::string text) const;
  [[nodiscard]] std::string answer_text(const std::string& text) const;
  [[nodiscard]] std::vector<TokenId> answer_tokens(const std::string& text) const;
  void cut_source(const Record& record, const std::string& text,
                  std::vector<TokenId>& source) const;
  void resolve_bos();
  void build_candidates();
  // The candidates of a record: those of all, or its own.
  [[nodiscard]] std::shared_ptr<const Candidates> candidates_of(const Record& record) const;
  [[nodiscard]] Candidate own_candidate(const Record& record, std::string label,
                                        const Template& text) const;
  [[nodiscard]] std::vector<std::string> references(const Record& record) const;
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
  std::optional<TokenId> eos_;  // behind every target and candidate
  std::vector<std::string> labels_;
  std::shared_ptr<const Candidates> candidates_;
  std::vector<TokenId> prefix_;
};

}  // namespace incipit::data
