// The `distill:` block of a run's YAML: the teacher of `train.loss: distillation`. Torch-free.
#pragma once

#include <cstdint>
#include <string>

namespace incipit {
class Schema;
}

namespace incipit::eval {

struct DistillOptions {
  std::string prompt;               // file of the long prompt, relative to task.data_dir
  std::int64_t answer_tokens = 64;  // of each answer that the teacher writes; >= 1
  double temperature = 0;           // of these answers; 0: greedy
};

// Declares the keys of the block.
void declare(Schema& schema, DistillOptions& options);

}  // namespace incipit::eval
