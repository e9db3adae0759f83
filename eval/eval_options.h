// The `eval:` block of a run's YAML. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit::eval {

// How the log-likelihood of a candidate becomes its score. One for all methods that are
// compared with each other.
enum class Score {
  kSum,        // sum: of the candidate's tokens
  kTokenMean,  // token_mean: per token
  kByteMean,   // byte_mean: per UTF-8 byte of the candidate's text
};

struct EvalOptions {
  std::int64_t batch_tokens = 8192;  // rows computed at once on a rank; >= 1
  Score score = Score::kSum;
};

// All that is out of range, with keys relative to the block.
[[nodiscard]] inline std::vector<OptionProblem> validate(const EvalOptions& options) {
  std::vector<OptionProblem> problems;
  if (options.batch_tokens < 1) {
    problems.push_back(
        {"batch_tokens", "must be at least 1, is " + std::to_string(options.batch_tokens)});
  }
  return problems;
}

}  // namespace incipit::eval
