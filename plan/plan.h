// Predicts the memory per rank, traffic and time of a training step on a mesh, only from the shape
// of a model. Pure arithmetic; simplifications are stated where they are made.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/mesh_options.h"
#include "model/spec.h"

namespace incipit::plan {

// A training step. Examples share only their prompt. With several prompts, their examples
// alternate.
struct Workload {
  std::int64_t batch_size = 32;          // examples in the whole job
  std::int64_t prompt_rows = 20;         // that precede every example
  bool resident_prompt = false;          // they are keys and values, which no pass computes
  std::int64_t prompt_numbers = 0;       // that a prompt trains; 0: prompt_rows * the hidden size
  std::int64_t prompts = 1;              // prompts trained in the run
  std::int64_t example_rows = 128;       // of one example, including its answers
  std::int64_t target_rows = 2;          // rows of an example where logits are needed
  std::int64_t micro_batch_rows = 8192;  // rows computed at once on a rank
  int micro_batches = 0;                 // minimum; 0: two per pipeline stage
  int number_bytes = 4;                  // of weights and activations: 2 or 4
  // In float32: the value, its gradient, that of the values, that which passes add to, and the
  // optimizer's state.
  int prompt_copies = 6;
  [[nodiscard]] std::int64_t trained_numbers(std::int64_t hidden_size) const {
    return prompts * (prompt_numbers > 0 ? prompt_numbers : prompt_rows * hidden_size);
  }
};

struct Machine {
  double memory_bytes = 80.0 * (1LL << 30);  // per rank
  double flops = 4e14;                       // FLOP/s that a rank reaches
  double bandwidth_within = 4e11;            // bytes/s that a rank sends within a machine
  double bandwidth_between = 5e10;           // bytes/s that a rank sends to other machines
  int ranks_per_machine = 8;
};

// Memory of the fullest rank.
struct RankBytes {
  double weights = 0;      // as Backbone::weight_bytes(), including FSDP's buffers
  double activations = 0;  // at their peak
  double optimizer = 0;
  double buffers = 0;  // rows received from another pipeline stage
  [[nodiscard]] double total() const { return weights + activations + optimizer + buffers; }
};

// Bytes that the busiest rank sends in a step.
struct Traffic {
  double gradient = 0;  // all-reduce of the prompt's gradient
  double tensor = 0;    // all-reduces of rows: two forward, two backward per layer; embedding
  double head = 0;      // normalisers and targets' logits, and the gradient of target rows
  double pipeline = 0;  // rows to the next stage, gradients to the previous one
  double fsdp = 0;      // FSDP: gathering layers
};

struct MeshPlan {
  comm::MeshShape shape;
  RankBytes bytes;
  Traffic traffic;
  std::int64_t micro_batches = 1;    // per rank
  double compute_seconds = 0;        // of the slowest stage, without waiting
  double bubble = 0;                 // fraction of the pipeline's time in which a stage waits
  double communication_seconds = 0;  // not overlapped with computation
  double step_seconds = 0;
  bool fits = false;
  std::int64_t largest_batch = 0;  // that fits without train.micro_batch_tokens; 0: none
};

// Predicts a training step on one mesh. Assumes that messages have no latency and that batches are
// divided evenly over micro-batches. Throws ConfigError if the model cannot be split over so many
// ranks.
[[nodiscard]] MeshPlan plan_mesh(const model::ModelSpec& config, const comm::MeshShape& shape,
                                 const Workload& workload, const Machine& machine);

// Returns the weight bytes of the fullest rank (RankBytes::weights). Throws like plan_mesh().
[[nodiscard]] double planned_weight_bytes(const model::ModelSpec& config,
                                          const comm::MeshShape& shape, int number_bytes);

// Returns all meshes of `ranks` ranks over which the model can be split.
[[nodiscard]] std::vector<comm::MeshShape> possible_meshes(const model::ModelSpec& config,
                                                           int ranks);

// Returns the plan that fits with the least ranks x seconds per step (the first, if several are
// equal), or null if none fits.
[[nodiscard]] const MeshPlan* cheapest(const std::vector<MeshPlan>& plans);

}  // namespace incipit::plan
