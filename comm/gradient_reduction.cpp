#include "comm/gradient_reduction.h"

#include <algorithm>
#include <array>

namespace incipit::comm {

void reduce_gradients(const Mesh& mesh, std::span<const ReducedParameter> parameters) {
  // Sets of dimensions with the same communicator form one group.
  std::vector<Communicator*> groups;
  for (const ReducedParameter& parameter : parameters) {
    Communicator* const group = &mesh.along(parameter.partial_over);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  for (Communicator* const group : groups) {
    if (group->size() == 1) continue;
    std::vector<std::span<float>> parts;
    for (const ReducedParameter& parameter : parameters) {
      if (&mesh.along(parameter.partial_over) == group) parts.push_back(parameter.gradient);
    }
    group->all_reduce_sum(parts, "gradients");
  }
}

BatchTotals reduce_totals(const Mesh& mesh, const BatchTotals& mine) {
  std::array<double, 4> sums{mine.loss_sum, mine.target_count, mine.tokens, mine.examples};
  mesh.along(kBatch | kPipeline).all_reduce_sum(std::span<double>(sums), "batch totals");
  return {.loss_sum = sums[0], .target_count = sums[1], .tokens = sums[2], .examples = sums[3]};
}

}  // namespace incipit::comm
