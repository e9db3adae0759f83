// What a training step needs on a mesh, predicted from the shape of a model alone: memory by
// rank, traffic, time. Pure arithmetic; what is simplified is said where it is.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/mesh_options.h"
#include "model/config.h"

namespace incipit::model {

// A training step. Examples share their soft prompt and nothing else; those of several prompts
// take turns.
struct Workload {
  std::int64_t batch_size = 32;          // examples in the whole job
  std::int64_t prompt_rows = 20;         // of a soft prompt
  std::int64_t prompts = 1;              // learned in the run
  std::int64_t example_rows = 128;       // of one example, its answers included
  std::int64_t target_rows = 2;          // of these, where logits are needed
  std::int64_t micro_batch_rows = 8192;  // computed at once on a rank
  int micro_batches = 0;                 // at least; 0: two for each pipeline stage
  int number_bytes = 4;                  // of weights and activations: 2 or 4
  // float32: value, gradient and the one that passes add to, what the optimizer keeps.
  int prompt_copies = 5;
};

struct Machine {
  double memory_bytes = 80.0 * (1LL << 30);  // of a rank
  double flops = 4e14;                       // operations a second that a rank reaches
  double bandwidth_within = 4e11;            // bytes a second that a rank sends within a machine
  double bandwidth_between = 5e10;
  int ranks_per_machine = 8;
};

// Of the fullest rank.
struct RankBytes {
  double weights = 0;      // as Backbone::weight_bytes(): with the buffers of gathered layers
  double activations = 0;  // at their peak
  double optimizer = 0;
  double buffers = 0;  // rows that come from another stage
  [[nodiscard]] double total() const { return weights + activations + optimizer + buffers; }
};

// Bytes that the busiest rank sends in a step.
struct Traffic {
  double gradient = 0;  // sum of the prompt's gradient
  double tensor = 0;    // sums of rows: two forward and two backward in every layer, embedding
  double head = 0;      // normalisers and targets' logits, and the gradient of target rows
  double pipeline = 0;  // rows to the next stage, gradients to the one before
  double gathered = 0;  // layers
};

struct MeshPlan {
  comm::MeshShape shape;
  RankBytes bytes;
  Traffic traffic;
  std::int64_t micro_batches = 1;    // of a rank
  double compute_seconds = 0;        // of the slowest stage, without waiting
  double bubble = 0;                 // share of the pipeline's time in which a stage waits
  double communication_seconds = 0;  // behind which nothing is computed
  double step_seconds = 0;
  bool fits = false;
  std::int64_t largest_batch = 0;  // that fits without train.micro_batch_tokens; 0: none
};

// Throws ConfigError where the model cannot be split so far. Messages take no time but that of
// their bytes, and batches are divided evenly over micro-batches.
[[nodiscard]] MeshPlan plan_mesh(const TransformerConfig& config, const comm::MeshShape& shape,
                                 const Workload& workload, const Machine& machine);

// Weights of the fullest rank: RankBytes::weights. Throws as plan_mesh().
[[nodiscard]] double planned_weight_bytes(const TransformerConfig& config,
                                          const comm::MeshShape& shape, int number_bytes);

// All meshes of so many ranks that the model can be split into.
[[nodiscard]] std::vector<comm::MeshShape> possible_meshes(const TransformerConfig& config,
                                                           int ranks);

// The plan that fits with the least ranks x seconds a step; of equal ones the first. Null: none
// fits.
[[nodiscard]] const MeshPlan* cheapest(const std::vector<MeshPlan>& plans);

}  // namespace incipit::model
