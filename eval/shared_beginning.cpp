#include "eval/shared_beginning.h"

#include <algorithm>

#include "eval/resident_root.h"

namespace incipit::eval {

SharedBeginning::SharedBeginning(const methods::Prompted& model,
                                 const std::function<Sequence(PromptRows)>& sequence_after)
    : model_(model) {
  const Sequence beginning = sequence_after(model.rows());
  if (beginning.inputs.empty()) return;
  const Forest forest = pack({&beginning, 1}).forest;
  rows_ = forest.row_count();
  if (rows_ > 0) pass_.emplace(model.model.forward(forest, {.keep_keys_values = true}));
}

SharedBeginning::Below SharedBeginning::run(const Forest& forest,
                                            model::ForestPassOptions options) {
  // If there is a target on the last row of the beginning (an empty source), that row is
  // recomputed.
  const std::int64_t resident = std::min(rows_, forest.targets.front().row);
  if (resident == 0) return {model_.model.forward(forest, options), 0};
  options.residents = {&keys_values()};
  return {
      model_.model.forward(with_resident_root(forest, resident, model_.model.stores()), options),
      resident};
}

}  // namespace incipit::eval
