// The cost of a training step on one rank of a mesh: the step runs on tensors without data
// (nn/meta_device.h), and its allocations, matmuls and collectives are counted.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "comm/counting.h"
#include "comm/mesh_options.h"
#include "model/spec.h"
#include "plan/workload.h"

namespace incipit::plan {

// Memory of a rank.
struct RankBytes {
  double weights = 0;      // as Backbone::weight_bytes(), including FSDP's buffers
  double activations = 0;  // at their peak, as optimizer and buffers
  double optimizer = 0;
  double buffers = 0;  // the rest
  double all = 0;      // of everything, at its peak: at most the sum
};

struct RankCost {
  RankBytes bytes;
  double flops = 0;
  std::vector<comm::Sent> sent;
  double micro_batches = 1;  // the last may be smaller than the others
  double trunk = 0;          // fraction of the rows that are computed before the micro-batches
};

// Returns the ranks of one copy of the model whose parts differ: one of those with equal parts.
// Throws ConfigError if the model cannot be split over so many ranks.
[[nodiscard]] std::vector<int> distinct_ranks(const model::ModelSpec& spec,
                                              const comm::MeshShape& shape);

// Returns the bytes of a rank's weights, including FSDP's buffers.
[[nodiscard]] double weight_bytes(const model::ModelSpec& spec, const comm::MeshShape& shape,
                                  int rank, int number_bytes);

// Returns the cost of a step on a rank. Of many equal micro-batches it runs only some.
[[nodiscard]] RankCost rank_cost(const model::ModelSpec& spec, const comm::MeshShape& shape,
                                 int rank, const Workload& workload);

}  // namespace incipit::plan
