// Predicts the memory per rank, traffic and time of a training step on a mesh from the shape of a
// model: the engine's own step runs on tensors without data (plan/rank_cost.h).
#pragma once

#include <cstdint>
#include <vector>

#include "plan/rank_cost.h"

namespace incipit::plan {

struct MeshPlan {
  comm::MeshShape shape;
  RankBytes bytes;                   // of the fullest rank
  std::vector<comm::Sent> sent;      // in a step, along each dimension by the rank that sends most
  double micro_batches = 1;          // per rank
  double compute_seconds = 0;        // of the slowest stage, without waiting
  double bubble = 0;                 // fraction of the pipeline's time in which a stage waits
  double communication_seconds = 0;  // not overlapped with computation
  double step_seconds = 0;
  bool fits = false;
  [[nodiscard]] double cost() const { return shape.product() * step_seconds; }
};

// Predicts a training step on one mesh. Assumes that messages have no latency and that batches are
// divided evenly over micro-batches. Throws ConfigError if the model cannot be split over so many
// ranks.
[[nodiscard]] MeshPlan plan_mesh(const model::ModelSpec& spec, const comm::MeshShape& shape,
                                 const Workload& workload, const Machine& machine);

// Returns the largest batch that fits in the memory of a rank without train.micro_batch_tokens, 0
// if none does. Above 2^17 rows on a rank it is extrapolated. Throws like plan_mesh().
[[nodiscard]] std::int64_t largest_batch(const model::ModelSpec& spec, const comm::MeshShape& shape,
                                         Workload workload, double memory_bytes);

// Returns the weight bytes of the fullest rank (RankBytes::weights). Throws like plan_mesh().
[[nodiscard]] double planned_weight_bytes(const model::ModelSpec& spec,
                                          const comm::MeshShape& shape, int number_bytes);

// Returns all meshes of `ranks` ranks over which the model can be split.
[[nodiscard]] std::vector<comm::MeshShape> possible_meshes(const model::ModelSpec& spec, int ranks);

// Returns the plan that fits with the least ranks x seconds per step (the first, if several are
// equal), or null if none fits.
[[nodiscard]] const MeshPlan* cheapest(const std::vector<MeshPlan>& plans);

}  // namespace incipit::plan
