// The `task:` block of a run's YAML, and of a task file, which has the same keys. Torch-free.
//
// A task file (configs/tasks/NAME.yaml for built-in tasks, or the user's own) gives values;
// the keys of the run's own block replace them.
#pragma once

#include <cstdint>
#include <string>
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
  kAuto,    // auto: behind generated targets (`target`), not behind verbalizers
  kNone,    // none
  kAlways,  // always: behind verbalizers, too
};

enum class OnBadRecord {
  kFail,  // fail: the first bad record ends the run with exit code 3
  kSkip,  // skip: bad records are left out and counted, at most max_bad_records of a file
};

struct VerbalizerEntry {
  std::string label;  // as the data writes it; JSON true, false and 0 are "true", "false" and "0"
  std::string text;   // what the model is to say: " Yes"
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

struct TaskOptions {
  std::string name;      // of a built-in task, or the path of a task file; empty: all is given here
  std::string data_dir;  // relative to the current directory; see data/dataset.h
  std::string train;     // relative to data_dir
  SelectOptions select;
  std::string test;

  Format format = Format::kRaw;
  std::string source_template;              // `template`: text with {fields}, see data/template.h
  std::vector<VerbalizerEntry> verbalizer;  // in the order of the file
  std::string target;                       // template of the target where there is no verbalizer
  std::string system;               // chat only: the system text; empty: the model's default
  std::vector<std::string> labels;  // of a built-in task: the verbalizer must name exactly these
  std::string label_field = "label";
  std::string id_field = "idx";
  std::string group_field;  // examples that agree in it stay together when shuffled

  std::int64_t max_source_tokens = 0;  // of the source alone; 0: what the model's positions allow
  TruncateOptions truncate;
  BosPolicy bos = BosPolicy::kAuto;
  EosPolicy eos = EosPolicy::kAuto;

  std::int64_t shots = 0;                           // demonstrations drawn from train
  std::string shot_separator = "\n\n";              // behind each of them; raw format only
  std::vector<std::string> metrics = {"accuracy"};  // names of data/task_metrics.h

  OnBadRecord on_bad_record = OnBadRecord::kFail;
  std::int64_t max_bad_records = 100;
};

// All that is missing, contradictory or out of range, with keys relative to the block
// ("truncate.field"). Pure: reads no file.
[[nodiscard]] std::vector<OptionProblem> validate(const TaskOptions& options);

}  // namespace incipit::data
