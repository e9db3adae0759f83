#include "comm/gradient_reduction.h"

#include <algorithm>
#include <vector>

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

}  // namespace incipit::comm
