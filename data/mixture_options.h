// The `mixture:` block of a run's YAML: how tasks share a run. Torch-free.
#pragma once

#include <cstdint>

namespace incipit {
class Schema;
}

namespace incipit::data {

// How often each task is sampled. A task has e examples, of which at most max_size count
// (examples-proportional mixing with an artificial limit; Raffel et al. 2020, 3.5.2):
enum class Sampling {
  kSize,         // size: in proportion to min(e, max_size)
  kTemperature,  // temperature: in proportion to min(e, max_size) ^ (1 / temperature)
  kEven,         // even: equally often
};

enum class MixturePrompts {
  kPerTask,  // per_task: a separate soft prompt for every task
  kShared,   // shared: one soft prompt for all tasks
};

struct MixtureOptions {
  Sampling sampling = Sampling::kSize;
  double temperature = 2.0;   // >= 1; 1: same as size
  std::int64_t max_size = 0;  // 0: no limit
  MixturePrompts prompts = MixturePrompts::kPerTask;
};

// Declares the keys of the block.
void declare(Schema& schema, MixtureOptions& options);

}  // namespace incipit::data
