#include "eval/distill_options.h"

#include "core/schema.h"

namespace incipit::eval {

void declare(Schema& schema, DistillOptions& o) {
  schema.field("prompt", o.prompt,
               "file, from task.data_dir: the long prompt, as in task.prompt_file");
  schema.field("answer_tokens", o.answer_tokens,
               "most tokens of the answers that the model writes under it", {.min = 1});
  schema.field("temperature", o.temperature, "of these answers, sampled by run.seed; 0: greedy",
               {.min = 0});
}

}  // namespace incipit::eval
