// The task and run that `incipit init` proposes for a user's examples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_config.h"
#include "data/template.h"
#include "data/tokenizer/tokenizer.h"
#include "init/answers.h"
#include "init/labelled_table.h"

namespace incipit::init {

// Tokens per source, including the template.
struct Lengths {
  std::int64_t median = 0;
  std::int64_t most = 0;  // 95th percentile
  std::int64_t longest = 0;
};

struct TaskPlan {
  std::vector<std::string> fields;  // field names in the written records: the text columns
  Answers answers;
  Lengths lengths;
  // Template, verbalizer, max_source_tokens, truncate, metrics; names of the label's and the
  // identity's field that differ from the text columns.
  data::TaskOptions options;
};

// The model's positions, which a source shares with soft prompt, BOS and answer.
struct TokenBudget {
  std::int64_t positions = 0;  // of the model
  std::int64_t prompt_rows = 0;
};

// Plans the task. Throws DataError "FILE:LINE: ..." when the fields that are not truncated do not
// fit into the model, and ConfigError as require_field_name() does.
[[nodiscard]] TaskPlan plan_task(const LabelledTable& table, const data::Tokenizer& tokenizer,
                                 const TokenBudget& budget);

// Throws ConfigError for a column that a template cannot name, because of a brace or a bar.
void require_field_name(const std::string& column, const std::string& file);

// Returns `name`, followed by as many underscores as it takes not to be in `taken`.
[[nodiscard]] std::string free_name(std::string name, const std::vector<std::string>& taken);

// Returns the template. First comes what all examples share: the question and the possible answers;
// then the fields; then the label's name, after which the answer follows.
[[nodiscard]] std::string make_template(const LabelledTable& table,
                                        const std::vector<std::string>& fields,
                                        const Answers& answers, bool with_options);

// Returns a record with the row's texts under the field names.
[[nodiscard]] data::Record record_of(const LabelledTable& table, const LabelledText& row,
                                     const std::vector<std::string>& fields);

// Returns steps, batch size and evaluation interval suited to `train_examples` examples.
[[nodiscard]] trainer::TrainOptions plan_training(std::int64_t train_examples);

}  // namespace incipit::init
