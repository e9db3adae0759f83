// The `task:` block of a run's YAML, and of a task file, which has the same keys. Torch-free.
//
// A task file (configs/tasks/NAME.yaml for built-in tasks, or the user's own) gives values; the
// keys in the run's own block override them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::data {

// What computes the answers.
enum class TaskKind {
  kText,  // text: the model's own head; answers are texts that it scores or generates
  // sequence_classification: a trained head; answers are `labels`, scored at the source's last row
  kSequenceClassification,
  // token_classification: a trained head; answers are entities of `labels`, from tags of words
  kTokenClassification,
  // extractive_question: a trained head; the answer is a span of a text, from its first to its last
  // word
  kExtractiveQuestion,
};

enum class Format {
  kRaw,   // raw: the template's text unchanged
  kChat,  // chat: the template's text as a user turn in the model's chat format
};

enum class BosPolicy {
  kAuto,          // auto: after_prompt if the model's tokenizer adds a BOS, else none
  kNone,          // none
  kBeforePrompt,  // before_prompt: BOS, soft prompt, text
  kAfterPrompt,   // after_prompt: soft prompt, BOS, text, as PEFT puts it
};

enum class EosPolicy {
  kAuto,    // auto: after generated answers (`target`, `answer: generate`) only
  kNone,    // none
  kAlways,  // always: after verbalizers too
};

enum class OnBadRecord {
  kFail,  // fail: the first bad record ends the run with exit code 3
  kSkip,  // skip: bad records are skipped and counted, at most max_bad_records a file
};

// How a candidate's score is computed from its log-likelihood.
enum class Score {
  kSum,        // sum: sum over the candidate's tokens
  kTokenMean,  // token_mean: per token
  kByteMean,   // byte_mean: per UTF-8 byte of the candidate's text
  kPmi,        // pmi: the sum minus the sum after an empty input (Holtzman et al. 2021, domain
               // conditional PMI): the template with all of its fields empty
  // calibrated: the log of the probability among the candidates, divided by its mean over inputs
  // without content: the template with all of its fields "N/A", "[MASK]" or empty (contextual
  // calibration, Zhao et al. 2021)
  kCalibrated,
};

// How few-shot examples are drawn from train.
enum class ShotChoice {
  kBalanced,  // balanced: by seed, labels equally often where possible
  kRandom,    // random: by seed, whatever their labels
  kNearest,   // nearest: for every input those nearest to it, by the model's hidden states
};

// A training example, by its place in the file.
struct ExamplePlace {
  std::int64_t line = 0;  // from 1
  std::int64_t part = 0;  // among the examples of that line, from 0
  friend bool operator==(const ExamplePlace&, const ExamplePlace&) = default;
};

// Few-shot examples that are given instead of drawn: `shot_lines: [12, 3]`, or the path of a text
// file with one place a line. A place is LINE, or LINE:PART where a line has several examples.
struct ShotLines {
  std::string file;
  std::vector<ExamplePlace> places;  // used only if `file` is empty
  [[nodiscard]] bool given() const { return !file.empty() || !places.empty(); }
};

// How the model answers an example.
enum class Answer {
  kAuto,      // auto: score if there are candidates
  kScore,     // score: the highest-scoring candidate
  kGenerate,  // generate: greedily, up to an EOS; see AnswerRule
};

// How a generated text maps to a label, if the task has labels.
enum class AnswerRule {
  kExact,     // exact: the label with this text, ignoring white space at the ends; else none
  kReferent,  // referent: "true" if it names the target by T5's WSC rule, else "false"
};

// Preprocessing of a record before anything else sees it. data/preprocess.h lists the fields that
// it adds.
enum class Preprocess {
  kNone,     // none
  kRecord,   // record: ReCoRD's passage, entities and queries
  kWsc,      // wsc: the marked pronoun of the Winograd Schema Challenge
  kAnswers,  // answers: a better and a worse answer, or BIG-bench's answers with scores
};

// What to do when an example's text occurs in two splits.
enum class OnOverlap {
  kFail,  // fail: exit code 3, naming the first ones
  kWarn,  // warn: count them
};

struct VerbalizerEntry {
  std::string label;  // as in the data; JSON true, false and 0 are "true", "false" and "0"
  std::string text;   // what the model should say: " Yes"; a template: " {choice1|lower_first}"
  friend bool operator==(const VerbalizerEntry&, const VerbalizerEntry&) = default;
};

// The validation split (`validation:`): a file name, or a share of train. Neither (share 0): no
// validation split.
struct ValidationOptions {
  std::string file;
  double share = 0.1;  // in [0, 1); used only if `file` is empty
};

// The text that is cut when a source is longer than max_source_tokens: `truncate: source_head`,
// `truncate: {field: premise}`, or `truncate: none`.
struct TruncateOptions {
  enum class Kind {
    kNone,        // none: a longer source is an error
    kField,       // {field: F}: field F is cut from its end; the rest of the template stays
    kSourceHead,  // source_head: the first max_source_tokens tokens are kept
  };
  Kind kind = Kind::kNone;
  std::string field;
};

// Candidates that each record lists, any number of them.
struct CandidateOptions {
  std::string foreach;                // path of a list; {candidate} is its current element
  std::string text;                   // template of what the model should say
  std::string label = "{candidate}";  // template of the candidate label
};

// One name of `foreach`: {name: path}. `path` starts at the record or at an earlier name.
struct ForeachOptions {
  std::string name;
  std::string path;
  friend bool operator==(const ForeachOptions&, const ForeachOptions&) = default;
};

// The submission file for a benchmark's server.
struct SubmissionOptions {
  enum class Form {
    kText,         // text: {"idx":3,"label":"entailment"}
    kInteger,      // integer: {"idx":3,"label":0}
    kCapitalised,  // capitalised: {"idx":3,"label":"True"}
    kNested,       // nested: MultiRC's passages, questions and answers, with three ids
  };
  std::string file;  // "RTE.jsonl"; empty: no submission file
  Form form = Form::kText;
};

struct TaskOptions {
  std::string name;      // a built-in task or the path of a task file; empty: all is given here
  std::string data_dir;  // relative to the current directory; see data/dataset.h
  std::string train;     // relative to data_dir
  ValidationOptions validation;
  std::string test;

  Preprocess preprocess = Preprocess::kNone;
  // A record has one example per element of these lists, nested in their order: {question:
  // passage.questions, answer: question.answers} makes {answer.text} a field. `train_foreach` adds
  // lists for training only. `train_where`: only records with these values are trained on.
  std::vector<ForeachOptions> foreach;
  std::vector<ForeachOptions> train_foreach;
  std::vector<std::pair<std::string, std::string>> train_where;

  TaskKind kind = TaskKind::kText;
  Format format = Format::kRaw;
  std::string source_prefix;                // before the template's text: "rte "
  std::string source_template;              // `template`: text with {fields}, see data/template.h
  std::vector<VerbalizerEntry> verbalizer;  // in the order of the file
  CandidateOptions candidates;              // instead of a verbalizer
  std::string target;                       // template of the target if there is neither
  std::string separator;            // between source and answer, tokenized with the answer: " "
  std::string system;               // chat only: system text; empty: the model's default
  std::vector<std::string> labels;  // of a head; a verbalizer must name exactly these
  std::string label_field = "label";
  std::string text_field;  // whose words a head scores; empty: text, for a question context
  std::vector<std::string> id_fields{"idx"};  // `id_field`: one, or a list
  std::string group_field;   // examples with equal values stay together when shuffled
  std::string metric_group;  // examples with equal values are right together: MultiRC's question
  std::string references;    // path of a list of right answers: strings, or objects with "text"

  std::int64_t max_source_tokens = 0;  // of the source only; 0: limited by the model's positions
  TruncateOptions truncate;
  BosPolicy bos = BosPolicy::kAuto;
  EosPolicy eos = EosPolicy::kAuto;

  std::string prompt_file;  // relative to data_dir; before every source (data/hard_prompt.h)
  std::int64_t shots = 0;   // few-shot examples
  ShotChoice shot_choice = ShotChoice::kBalanced;
  int shot_seed = -1;                   // of the draw; -1, auto: run.seed
  ShotLines shot_lines;                 // the first `shots` of them are shown, in this order
  std::string shot_separator = "\n\n";  // after each of them; raw format only
  Answer answer = Answer::kAuto;
  Score score = Score::kSum;
  AnswerRule answer_rule = AnswerRule::kExact;
  std::int64_t max_answer_tokens = 64;  // of a generated answer
  std::string answer_stop;              // ends a generated answer, and is left out; empty: none
  std::vector<std::string> metrics;     // data/task_metrics.h; empty: metrics_of()
  SubmissionOptions submission;

  OnBadRecord on_bad_record = OnBadRecord::kFail;
  std::int64_t max_bad_records = 100;
  OnOverlap on_overlap = OnOverlap::kFail;
};

// Reads a place: "12" or "12:1". Returns nothing if it is none.
[[nodiscard]] std::optional<ExamplePlace> read_place(std::string_view text);
[[nodiscard]] std::string place_text(const ExamplePlace& place);

// Whether few-shot examples differ between inputs: there are some, they are the nearest, and
// none are given.
[[nodiscard]] bool shows_nearest(const TaskOptions& options);

// Whether text is computed once before all sources: a hard prompt or few-shot examples.
[[nodiscard]] inline bool has_prefix(const TaskOptions& options) {
  return options.shots > 0 || !options.prompt_file.empty();
}
// Whether a trained head, not the model's own, computes the answers.
[[nodiscard]] inline bool has_head(const TaskOptions& options) {
  return options.kind != TaskKind::kText;
}
// Whether the head scores places of a text (ScoredText).
[[nodiscard]] inline bool scores_places(const TaskOptions& options) {
  return options.kind == TaskKind::kTokenClassification ||
         options.kind == TaskKind::kExtractiveQuestion;
}
// Returns text_field, or its default.
[[nodiscard]] std::string text_field(const TaskOptions& options);
// Returns the path of the right answers: `references`, or its default.
[[nodiscard]] std::string references_path(const TaskOptions& options);
// Returns the names of the outputs of a task's head.
[[nodiscard]] std::vector<std::string> head_outputs(const TaskOptions& options);

// Whether answers are free text: there are neither labels nor candidates.
[[nodiscard]] bool answers_freely(const TaskOptions& options);

// Declares the keys of the block and of those in it.
void declare(Schema& schema, CandidateOptions& options);
void declare(Schema& schema, SubmissionOptions& options);
void declare(Schema& schema, TaskOptions& options);
// Declares only the keys that a prompt template may set (configs/templates.h).
void declare_prompt_template(Schema& schema, TaskOptions& options);

// Returns everything that is missing, contradictory or out of range, with keys relative to the
// block ("truncate.field"). Reads no file.
[[nodiscard]] std::vector<OptionProblem> validate(const TaskOptions& options);

}  // namespace incipit::data
