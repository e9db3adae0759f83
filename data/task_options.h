// The `task:` block of a run's YAML, and of a task file, which has the same keys. Torch-free.
//
// A task file (configs/tasks/NAME.yaml for built-in tasks, or the user's own) gives values;
// the keys of the run's own block replace them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/option_problem.h"

namespace incipit::data {

enum class Format {
  kRaw,   // raw: the template's text as it is
  kChat,  // chat: the template's text as a user's turn of the model's chat format
};

enum class BosPolicy {
  kAuto,          // auto: after_prompt where the model's tokenizer adds a BOS by itself, else none
  kNone,          // none
  kBeforePrompt,  // before_prompt: BOS, soft prompt, text
  kAfterPrompt,   // after_prompt: soft prompt, BOS, text, as PEFT puts it
};

enum class EosPolicy {
  kAuto,    // auto: behind generated answers (`target`, `answer: generate`), not behind others
  kNone,    // none
  kAlways,  // always: behind verbalizers, too
};

enum class OnBadRecord {
  kFail,  // fail: the first bad record ends the run with exit code 3
  kSkip,  // skip: bad records are left out and counted, at most max_bad_records of a file
};

// How the log-likelihood of a candidate becomes its score.
enum class Score {
  kSum,        // sum: of the candidate's tokens
  kTokenMean,  // token_mean: per token
  kByteMean,   // byte_mean: per UTF-8 byte of the candidate's text
  kPmi,        // pmi: the sum less that behind an empty input (Holtzman et al. 2021, domain
               // conditional PMI): the template with all of its fields empty
};

// How the model answers an example.
enum class Answer {
  kAuto,      // auto: score, where there are candidates
  kScore,     // score: the candidate of the highest score
  kGenerate,  // generate: greedily, up to an EOS; see AnswerRule
};

// What a generated text counts as, when the task has labels.
enum class AnswerRule {
  kExact,     // exact: the label whose text it is, white space at its ends apart; else none of them
  kReferent,  // referent: "true" where it names the target by the rule of T5's WSC, else "false"
};

// What is done to a record before anything else sees it; the fields that it adds are in
// data/preprocess.h.
enum class Preprocess {
  kNone,    // none
  kRecord,  // record: ReCoRD's passage, entities and queries
  kWsc,     // wsc: the marked pronoun of the Winograd Schema Challenge
};

// What happens when an example's text occurs in two splits.
enum class OnOverlap {
  kFail,  // fail: exit code 3, naming the first ones
  kWarn,  // warn: they are counted
};

struct VerbalizerEntry {
  std::string label;  // as the data writes it; JSON true, false and 0 are "true", "false" and "0"
  std::string text;   // what the model is to say: " Yes"; a template: " {choice1|lower_first}"
  friend bool operator==(const VerbalizerEntry&, const VerbalizerEntry&) = default;
};

// `select:` is a file's name, or a share of train. Neither (share 0): no select split.
struct SelectOptions {
  std::string file;
  double share = 0.1;  // in [0, 1); looked at only when `file` is empty
};

// What is cut from a source longer than max_source_tokens. `truncate: source_head`, or
// `truncate: {field: premise}`, or `truncate: none`.
struct TruncateOptions {
  enum class Kind {
    kNone,        // none: a longer source is an error
    kField,       // {field: F}: field F is cut from its end, the rest of the template stays
    kSourceHead,  // source_head: the first max_source_tokens tokens are kept
  };
  Kind kind = Kind::kNone;
  std::string field;
};

// Candidates that every record brings along, as many as it likes.
struct CandidateOptions {
  std::string each;                   // path of a list: {candidate} stands for its elements
  std::string text;                   // template of what the model is to say
  std::string label = "{candidate}";  // template of how the answer is called
};

// One name of `each`: {name: path}. `path` begins in the record or at an earlier name.
struct EachOptions {
  std::string name;
  std::string path;
  friend bool operator==(const EachOptions&, const EachOptions&) = default;
};

// The file that a benchmark's server reads.
struct SubmissionOptions {
  enum class Form {
    kText,         // text: {"idx":3,"label":"entailment"}
    kInteger,      // integer: {"idx":3,"label":0}
    kCapitalised,  // capitalised: {"idx":3,"label":"True"}
    kNested,       // nested: MultiRC's passages, questions and answers, of three ids
  };
  std::string file;  // "RTE.jsonl"; empty: the task has none
  Form form = Form::kText;
};

struct TaskOptions {
  std::string name;      // of a built-in task, or the path of a task file; empty: all is given here
  std::string data_dir;  // relative to the current directory; see data/dataset.h
  std::string train;     // relative to data_dir
  SelectOptions select;
  std::string test;

  Preprocess preprocess = Preprocess::kNone;
  // A record holds an example for each element of these lists, nested in their order: {question:
  // passage.questions, answer: question.answers} makes {answer.text} a field. `train_each` goes on
  // unrolling for training alone. `train_where`: records to train on have these values.
  std::vector<EachOptions> each;
  std::vector<EachOptions> train_each;
  std::vector<std::pair<std::string, std::string>> train_where;

  Format format = Format::kRaw;
  std::string source_prefix;                // before the template's text: "rte "
  std::string source_template;              // `template`: text with {fields}, see data/template.h
  std::vector<VerbalizerEntry> verbalizer;  // in the order of the file
  CandidateOptions candidates;              // in place of a verbalizer
  std::string target;                       // template of the target where there is neither
  std::string separator;            // between source and answer, tokenised with the answer: " "
  std::string system;               // chat only: the system text; empty: the model's default
  std::vector<std::string> labels;  // the verbalizer must name exactly these
  std::string label_field = "label";
  std::vector<std::string> id_fields{"idx"};  // `id_field`: one, or a list
  std::string group_field;   // examples that agree in it stay together when shuffled
  std::string metric_group;  // examples that agree in it are right together: MultiRC's question
  std::string references;    // path of a list of right answers, texts or objects with a "text"

  std::int64_t max_source_tokens = 0;  // of the source alone; 0: what the model's positions allow
  TruncateOptions truncate;
  BosPolicy bos = BosPolicy::kAuto;
  EosPolicy eos = EosPolicy::kAuto;

  std::int64_t shots = 0;               // demonstrations drawn from train
  std::string shot_separator = "\n\n";  // behind each of them; raw format only
  Answer answer = Answer::kAuto;
  Score score = Score::kSum;
  AnswerRule answer_rule = AnswerRule::kExact;
  std::int64_t max_answer_tokens = 64;              // of a generated answer
  std::vector<std::string> metrics = {"accuracy"};  // names of data/task_metrics.h
  SubmissionOptions submission;

  OnBadRecord on_bad_record = OnBadRecord::kFail;
  std::int64_t max_bad_records = 100;
  OnOverlap on_overlap = OnOverlap::kFail;
};

// All that is missing, contradictory or out of range, with keys relative to the block
// ("truncate.field"). Pure: reads no file.
[[nodiscard]] std::vector<OptionProblem> validate(const TaskOptions& options);

}  // namespace incipit::data
