// The telemetry of a training step, for metrics.jsonl, the progress bar and the exporter.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace incipit::telemetry {

struct StepRecord {
  std::int64_t step = 0;  // steps done, including this one: the first step is 1
  double loss = 0;        // mean over the target tokens (or examples) of the global batch
  double learning_rate = 0;
  double grad_norm = 0;          // before clipping
  std::int64_t tokens = 0;       // rows computed in the whole job in this step
  std::int64_t samples = 0;      // examples in the whole job in this step
  double seconds = 0;            // wall-clock time of the step
  double data_wait_seconds = 0;  // part of `seconds` that this rank waited for the next batch
  double comm_seconds = 0;  // part of `seconds` in calls of collectives, which may only enqueue
  double flops = 0;         // FLOPs of this rank's part of the step (nn/flops.h)
  // Mean loss by task, for tasks with examples in the batch; empty in a run of one task.
  std::vector<std::pair<std::string, double>> losses{};
  // Learning rates of the members of a sweep.
  std::vector<std::pair<std::string, double>> learning_rates{};
};

}  // namespace incipit::telemetry
