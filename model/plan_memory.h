// The memory of model/plan.h: which rows a step computes at a time, and what a rank holds of them.
#pragma once

#include <cstdint>
#include <vector>

#include "model/partition.h"
#include "model/plan.h"

namespace incipit::model {

// How a rank's examples are computed: all at once, or the prompt first and then branches.
struct StepRows {
  double prompt = 0;    // of all prompts in the batch
  double branches = 0;  // of all micro-batches
  double targets = 0;   // of all micro-batches
  double at_once = 0;   // of one micro-batch
  double targets_at_once = 0;
  std::int64_t micro_batches = 1;
  [[nodiscard]] bool has_trunk() const { return micro_batches > 1; }
  [[nodiscard]] double all() const { return prompt + branches; }
};

[[nodiscard]] StepRows step_rows(const comm::MeshShape& shape, const Workload& workload);

// One rank's part, and the model as its blocks see it.
struct PlannedPart {
  Partition part;
  TransformerConfig local;
  int stages_behind = 0;
  std::int64_t vocabulary_at_once = 0;  // logits of a row that are there together
  [[nodiscard]] double layers() const { return static_cast<double>(part.layers.size()); }
  // Those that compute queries and MLP of every row: all but the model's last.
  [[nodiscard]] double full_layers() const { return layers() - (part.scores ? 1 : 0); }
};

// Of all ranks of one copy; throws as plan_mesh(). Gathered ranks have one between them.
[[nodiscard]] std::vector<PlannedPart> planned_parts(const TransformerConfig& config,
                                                     const comm::MeshShape& shape);

[[nodiscard]] RankBytes planned_bytes(const TransformerConfig& config, const PlannedPart& place,
                                      const comm::MeshShape& shape, const StepRows& rows,
                                      const Workload& workload);

}  // namespace incipit::model
