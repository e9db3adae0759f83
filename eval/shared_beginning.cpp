#include "eval/shared_beginning.h"

#include <algorithm>

#include "eval/resident_root.h"
#include "model/stage_link.h"

namespace incipit::eval {

SharedBeginning::SharedBeginning(const model::Backbone& backbone,
                                 const std::optional<at::Tensor>& prompt,
                                 const std::function<Sequence(data::PromptRows)>& sequence_behind)
    : backbone_(backbone) {
  if (prompt) {
    prompts_.push_back(prompt->to(backbone.device()));
    prompt_rows_.rows = static_cast<int>(prompt->size(0));
  }
  const Sequence beginning = sequence_behind(prompt_rows_);
  rows_ = static_cast<std::int64_t>(beginning.inputs.size());
  if (rows_ == 0) return;
  pass_.emplace(model::run_through_stages(backbone_, pack({&beginning, 1}).forest, prompts_,
                                          {.keep_keys_values = true}));
}

SharedBeginning::Below SharedBeginning::run(const Forest& forest,
                                            model::ForestPassOptions options) {
  // If there is a target on the last row of the beginning (an empty source), that row is
  // recomputed.
  const std::int64_t resident = std::min(rows_, forest.targets.front().row);
  if (resident == 0) {
    return {model::run_through_stages(backbone_, forest, prompts_, options), 0};
  }
  options.residents = {&keys_values()};
  return {
      model::run_through_stages(backbone_, with_resident_root(forest, resident), prompts_, options),
      resident};
}

}  // namespace incipit::eval
