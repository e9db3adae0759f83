// The `sweep:` block of a run's YAML: several prompts of one task, trained in one batch over one
// copy of the weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/run_options.h"
#include "methods/method_options.h"
#include "trainer/train_options.h"

namespace incipit {
class Schema;
}

namespace incipit::configs {

// Every combination of these values is a member. Without values of a list, members have the run's.
struct SweepOptions {
  std::vector<std::int64_t> num_virtual_tokens{};
  std::vector<methods::InitKind> init{};
  std::vector<double> lr{};
  std::vector<std::uint64_t> seed{};  // of initial values and of the order of examples

  [[nodiscard]] bool empty() const {
    return num_virtual_tokens.empty() && init.empty() && lr.empty() && seed.empty();
  }
};

// Declares the keys of the block.
void declare(Schema& schema, SweepOptions& options);

// The settings in which members differ.
struct SweepMember {
  // What the sweep varies, such as "tokens20-class_labels-lr0.3-seed17"; of `setting` without the
  // seed. The setting is "" if only seeds vary.
  std::string name;
  std::string setting;
  methods::MethodOptions method;
  double lr = 0;
  std::uint64_t seed = 0;
};

// Returns the members, the seeds of a setting one after the other. The run's own values are those
// of `run`, `method` and `optimizer`. Empty without a sweep.
[[nodiscard]] std::vector<SweepMember> sweep_members(const SweepOptions& sweep,
                                                     const RunOptions& run,
                                                     const methods::MethodOptions& method,
                                                     const trainer::OptimizerOptions& optimizer);

// Returns what is wrong with the lists: a value that occurs twice, or a single member.
[[nodiscard]] std::vector<OptionProblem> validate(const SweepOptions& sweep);

}  // namespace incipit::configs
