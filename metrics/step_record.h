// What a training step leaves behind: a line of metrics.jsonl, a tick of the progress bar,
// an update of the exporter.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace incipit::metrics {

struct StepRecord {
  std::int64_t step = 0;  // steps done, this one included: the first step is 1
  double loss = 0;        // mean over the target tokens (or examples) of the global batch
  double learning_rate = 0;
  double grad_norm = 0;          // before clipping
  std::int64_t tokens = 0;       // rows computed in the whole job in this step
  std::int64_t samples = 0;      // examples in the whole job in this step
  double seconds = 0;            // wall clock of the step
  double data_wait_seconds = 0;  // of it, waiting for the next batch on this rank
  double comm_seconds = 0;       // of it, inside collectives on this rank
  double flops = 0;  // operations that this rank's part of the step needs (model/flops.h)
  // Mean loss by task, of those with examples in the batch; empty in a run of one task.
  std::vector<std::pair<std::string, double>> losses{};
};

}  // namespace incipit::metrics
