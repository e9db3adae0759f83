// The memory model of plan/plan.h: the rows that a step computes at a time, and the memory that
// they take on a rank.
#pragma once

#include <cstdint>
#include <vector>

#include "model/partition.h"
#include "plan/plan.h"

namespace incipit::plan {

// How a rank computes its examples: all at once, or first the prompt (trunk) and then branches.
struct StepRows {
  double prompt = 0;    // computed, of all prompts in the batch
  double branches = 0;  // of all micro-batches
  double targets = 0;   // of all micro-batches
  double at_once = 0;   // of one micro-batch
  double targets_at_once = 0;
  std::int64_t micro_batches = 1;
  [[nodiscard]] bool has_trunk() const { return micro_batches > 1 && prompt > 0; }
  [[nodiscard]] double all() const { return prompt + branches; }
};

[[nodiscard]] StepRows step_rows(const comm::MeshShape& shape, const Workload& workload);

// One rank's part, and its share of one of its layers. All layers are taken to be alike.
struct PlannedPart {
  model::Partition part;
  model::LayerSpec local;
  std::int64_t hidden_size = 0;
  int stages_behind = 0;                // pipeline stages after this one
  std::int64_t vocabulary_at_once = 0;  // logits of a row that exist at the same time
  [[nodiscard]] double layers() const { return static_cast<double>(part.layers.size()); }
  // Layers that compute queries and MLP of every row: all except the model's last layer.
  [[nodiscard]] double full_layers() const { return layers() - (part.scores ? 1 : 0); }
};

// Returns the parts of all ranks of one copy; under FSDP one part represents all ranks. Throws like
// plan_mesh().
[[nodiscard]] std::vector<PlannedPart> planned_parts(const model::ModelSpec& config,
                                                     const comm::MeshShape& shape);

[[nodiscard]] RankBytes planned_bytes(const model::ModelSpec& config, const PlannedPart& place,
                                      const comm::MeshShape& shape, const StepRows& rows,
                                      const Workload& workload);

}  // namespace incipit::plan
