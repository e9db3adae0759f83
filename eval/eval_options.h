// The `eval:` block of a run's YAML. Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/option_problem.h"
#include "data/task_options.h"

namespace incipit::eval {

using data::Score;

struct EvalOptions {
  std::int64_t batch_tokens = 8192;  // rows per batch on a rank; >= 1
  std::optional<Score> score{};      // nothing: the task's score
};

// Returns every option that is out of range, with keys relative to the block.
[[nodiscard]] inline std::vector<OptionProblem> validate(const EvalOptions& options) {
  std::vector<OptionProblem> problems;
  if (options.batch_tokens < 1) {
    problems.push_back(
        {"batch_tokens", "must be at least 1, is " + std::to_string(options.batch_tokens)});
  }
  return problems;
}

}  // namespace incipit::eval
