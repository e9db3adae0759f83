// What `incipit plan` plans: a training step, and the ranks that run it.
#pragma once

#include <cstdint>
#include <optional>

#include "methods/head.h"
#include "methods/method_options.h"
#include "trainer/train_options.h"

namespace incipit::plan {

// A training step. Examples share only their prompt. With several prompts, their examples
// alternate.
struct Workload {
  methods::MethodOptions method{};
  std::optional<methods::HeadOptions> head{};
  trainer::TrainOptions train{};
  std::int64_t prompts = 1;         // prompts trained in the run
  std::int64_t example_rows = 128;  // of one example, including its answers
  std::int64_t target_rows = 2;     // the last rows of an example, where logits are needed
  int number_bytes = 4;             // of weights and activations: 4 (float32) or 2 (bfloat16)
};

struct Machine {
  double memory_bytes = 80.0 * (1LL << 30);  // per rank
  double flops = 4e14;                       // FLOP/s that a rank reaches
  double bandwidth_within = 4e11;            // bytes/s that a rank sends within a machine
  double bandwidth_between = 5e10;           // bytes/s that a rank sends to other machines
  int ranks_per_machine = 8;
};

}  // namespace incipit::plan
