#include "eval/eval_options.h"

#include "core/schema.h"

namespace incipit::eval {

void declare(Schema& schema, EvalOptions& o) {
  schema.field("batch_tokens", o.batch_tokens, "rows computed at once on a rank", {.min = 1});
  schema.choice(
      "score", o.score,
      {{"auto", std::nullopt},
       {"sum", Score::kSum},
       {"token_mean", Score::kTokenMean},
       {"byte_mean", Score::kByteMean},
       {"pmi", Score::kPmi},
       {"calibrated", Score::kCalibrated}},
      "what a candidate's log-likelihood counts, for all tasks; auto: as task.score says");
}

std::vector<OptionProblem> validate(const EvalOptions& options) {
  std::vector<OptionProblem> problems;
  if (options.batch_tokens < 1) {
    problems.push_back(
        {"batch_tokens", "must be at least 1, is " + std::to_string(options.batch_tokens)});
  }
  return problems;
}

}  // namespace incipit::eval
