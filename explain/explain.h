// Finds out what a prompt means to its model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explain/answer_losses.h"
#include "explain/explanation.h"
#include "methods/trainable.h"

namespace incipit::explain {

struct NamedPrompt {
  std::string name;
  methods::Contribution prompt;
};

struct Request {
  std::vector<NamedPrompt> prompts;  // the one that is explained, then others to compare it with
  at::Tensor initial{};  // the first one's values before training, [P, hidden]; undefined: unknown
  std::uint64_t seed = 0;  // of the random vectors
  // Called with the number of losses computed and their total.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress{};
};

// Returns everything that explanation.h describes, except for the names of model and split. Rows of
// the second prompt are patched into the first if both have input rows and equally many. Throws
// NumericsError when a loss is not finite.
[[nodiscard]] Explanation explain(const Subject& subject, const Request& request);

}  // namespace incipit::explain
