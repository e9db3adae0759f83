// The `eval:` block of a run's YAML. Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/option_problem.h"
#include "data/task_options.h"

namespace incipit {
class Schema;
}

namespace incipit::eval {

using data::Score;

struct EvalOptions {
  std::int64_t batch_tokens = 8192;  // rows per batch on a rank; >= 1
  std::optional<Score> score{};      // nothing: the task's score
};

// Declares the keys of the block.
void declare(Schema& schema, EvalOptions& options);

// Returns every option that is out of range, with keys relative to the block.
[[nodiscard]] std::vector<OptionProblem> validate(const EvalOptions& options);

}  // namespace incipit::eval
