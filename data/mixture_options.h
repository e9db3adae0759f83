// The `mixture:` block of a run's YAML: how several tasks share a run. Torch-free.
#pragma once

#include <cstdint>

namespace incipit::data {

// How often each task is drawn from. Of e examples, at most max_size of which count (examples-
// proportional mixing with an artificial limit; Raffel et al. 2020, 3.5.2):
enum class Sampling {
  kSize,         // size: in proportion to min(e, max_size)
  kTemperature,  // temperature: in proportion to min(e, max_size) ^ (1 / temperature)
  kEven,         // even: equally often
};

enum class MixturePrompts {
  kPerTask,  // per_task: a soft prompt of its own for every task
  kShared,   // shared: one for all
};

struct MixtureOptions {
  Sampling sampling = Sampling::kSize;
  double temperature = 2.0;   // >= 1; 1: as size
  std::int64_t max_size = 0;  // 0: no limit
  MixturePrompts prompts = MixturePrompts::kPerTask;
};

}  // namespace incipit::data
