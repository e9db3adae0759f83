// The state that the rest of a run depends on, independent of the number of ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/early_stop.h"

namespace incipit::trainer {

// The best evaluation of a soft prompt.
struct BestEvaluation {
  std::optional<double> score{};  // mean over the prompt's tasks; higher is better
  std::int64_t step = 0;
  friend bool operator==(const BestEvaluation&, const BestEvaluation&) = default;
};

struct TrainState {
  std::int64_t step = 0;     // steps done
  std::uint64_t seed = 0;    // for the order of examples
  std::int64_t samples = 0;  // examples seen: position in the order of examples
  std::int64_t tokens = 0;   // rows computed
  double last_loss = 0;      // may be NaN
  int nonfinite_in_a_row = 0;
  std::int64_t evaluated_at = -1;  // the step of the last evaluation; -1: none
  EarlyStop::State early_stop{};
  std::vector<BestEvaluation> prompts{};             // per soft prompt
  std::vector<std::optional<double>> task_scores{};  // per task, at its prompt's best step
  // "prompt"; "best_prompt" once there is one; "optimizer.NAME" for each of Optimizer::state(),
  // followed by ".TASK" with several prompts and by ".PARAMETER" with several parameters;
  // "optimizer.step". The tensors own their memory.
  std::map<std::string, at::Tensor> tensors{};
};

inline constexpr const char* kPromptTensor = "prompt";
inline constexpr const char* kBestPromptTensor = "best_prompt";
inline constexpr const char* kOptimizerPrefix = "optimizer.";
inline constexpr const char* kStepsTensor = "optimizer.step";

// Returns all but the tensors as JSON that reads back to the same numbers.
[[nodiscard]] std::string scalars_json(const TrainState& state);
// Parses scalars_json(). Throws DataError naming `source`.
[[nodiscard]] TrainState parse_scalars(std::string_view json, const std::string& source);

}  // namespace incipit::trainer
