#include "eval/shared_beginning.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "eval/resident_root.h"

namespace incipit::eval {
namespace {

// Returns the computed rows of the path from the root to `row`.
std::vector<Range> computed_path(const Forest& forest, std::int64_t row) {
  const auto after =
      std::upper_bound(forest.segment_begin.begin(), forest.segment_begin.end(), row);
  int segment = static_cast<int>(after - forest.segment_begin.begin()) - 1;
  std::vector<Range> path{{forest.segment_begin[segment], row + 1}};
  while ((segment = forest.parent[segment]) >= 0) {
    if (forest.resident[segment].empty()) path.push_back(forest.rows(segment));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace

SharedBeginning::SharedBeginning(const methods::Prompted& model,
                                 const std::function<Sequence(PromptRows)>& sequence_after)
    : model_(model) {
  const Sequence beginning = sequence_after(model.rows());
  if (beginning.inputs.empty()) return;
  const Forest forest = pack({&beginning, 1}).forest;
  if (forest.row_count() == 0) return;
  pass_ =
      std::make_unique<model::ForestPass>(model_.model.forward(forest, {.keep_keys_values = true}));
  keys_values_ = &pass_->keys_values();
  parts_.push_back({0, forest.row_count()});
}

SharedBeginning::SharedBeginning(const methods::Prompted& model, nn::KeyValueStore& keys_values,
                                 std::vector<Range> parts)
    : model_(model), keys_values_(&keys_values), parts_(std::move(parts)) {}

std::int64_t SharedBeginning::rows() const {
  std::int64_t rows = 0;
  for (const Range& part : parts_) rows += part.size();
  return rows;
}

std::vector<Range> SharedBeginning::parts(std::int64_t rows) const {
  std::vector<Range> first;
  for (Range part : parts_) {
    part.end = std::min(part.end, part.begin + rows);
    if (part.empty()) break;
    rows -= part.size();
    first.push_back(part);
  }
  return first;
}

SharedBeginning::Below SharedBeginning::run(const Forest& forest,
                                            model::ForestPassOptions options) {
  // If there is a target on the last row of the beginning (an empty source), that row is
  // recomputed.
  const std::int64_t resident =
      forest.targets.empty() ? 0 : std::min(rows(), forest.targets.front().row);
  if (resident == 0) return {model_.model.forward(forest, options), 0};
  std::vector<ResidentRows> chain;
  for (const Range& part : parts(resident)) chain.push_back({model_.model.stores(), part});
  options.residents = {keys_values_};
  return {model_.model.forward(with_resident_root(forest, chain), options), resident};
}

SharedBeginnings::SharedBeginnings(const methods::Prompted& model, std::vector<Sequence> beginnings)
    : model_(model) {
  for (Sequence& beginning : beginnings) {
    INCIPIT_CHECK(!beginning.inputs.empty());
    // The id does not matter; the prediction says where the beginning is in the forest.
    beginning.predictions = {{static_cast<std::int64_t>(beginning.inputs.size()) - 1, 0, 1}};
  }
  const PackedForest packed = pack(beginnings);
  for (std::size_t i = 0; i < beginnings.size(); ++i) {
    const std::int64_t row = packed.forest.targets[packed.targets[i].front()].row;
    parts_.push_back(computed_path(packed.forest, row));
    for (const Range& part : parts_.back()) rows_without_sharing_ += part.size();
  }
  rows_ = packed.forest.row_count();
  pass_ = std::make_unique<model::ForestPass>(
      model_.model.forward(packed.forest, {.keep_keys_values = true}));
}

SharedBeginning SharedBeginnings::operator[](std::size_t index) {
  return {model_, pass_->keys_values(), parts_.at(index)};
}

}  // namespace incipit::eval
