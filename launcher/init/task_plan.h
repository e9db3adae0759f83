// The task and the run that `incipit init` proposes for a user's examples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.h"
#include "data/template.h"
#include "data/tokenizer/tokenizer.h"
#include "launcher/init/answers.h"
#include "launcher/init/labelled_table.h"

namespace incipit::launcher {

// Tokens of the sources, template and all.
struct Lengths {
  std::int64_t median = 0;
  std::int64_t most = 0;  // 95 of 100 are not longer
  std::int64_t longest = 0;
};

struct TaskPlan {
  std::vector<std::string> fields;  // of the records written, by text column
  Answers answers;
  Lengths lengths;
  data::TaskOptions options;  // template, verbalizer, max_source_tokens, truncate, metrics
};

// What the tokens of a source have to share with soft prompt, BOS and answer.
struct Room {
  std::int64_t positions = 0;  // of the model
  std::int64_t prompt_rows = 0;
};

// Throws DataError "FILE:LINE: ..." when the fields that are not cut do not fit into the model.
[[nodiscard]] TaskPlan plan_task(const LabelledTable& table, const data::Tokenizer& tokenizer,
                                 const Room& room);

// Names that can stand in a template: "idx" and "label" are taken, braces cannot be.
[[nodiscard]] std::vector<std::string> field_names(const std::vector<std::string>& columns);

// The template alone: what is asked and how it may be answered, which all examples share, comes
// first; then the fields; then the label's name, behind which the answer stands.
[[nodiscard]] std::string make_template(const LabelledTable& table,
                                        const std::vector<std::string>& fields,
                                        const Answers& answers, bool with_options);

// A record with the row's texts under the names of the fields.
[[nodiscard]] data::Record record_of(const LabelledTable& table, const LabelledText& row,
                                     const std::vector<std::string>& fields);

// Steps, batch and evaluations that suit `train_examples` examples.
[[nodiscard]] trainer::TrainOptions plan_training(std::int64_t train_examples);

}  // namespace incipit::launcher
