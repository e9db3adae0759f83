// The linear layers of a model, as transformers and PEFT name and shape them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/spec.h"

namespace incipit::lora {

// A linear layer. A family may store several maps as one.
struct Module {
  std::string name;  // "model.layers.0.self_attn.q_proj"; its weight is NAME.weight
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  bool transposed = false;  // the weight is stored as [inputs, outputs]
  friend bool operator==(const Module&, const Module&) = default;
};

// Returns the linear layers in the model's layers, in their order.
[[nodiscard]] std::vector<Module> modules_of(const model::ModelSpec& spec);

// The value of target_modules that stands for all of them, as in PEFT.
inline constexpr const char* kAllLinear = "all-linear";

// Returns `targets`, or, if they are empty, the names of the query and value projections (Hu et al.
// 2021), or, for all-linear, those of all modules.
[[nodiscard]] std::vector<std::string> resolved_targets(const std::vector<std::string>& targets,
                                                        const model::ModelSpec& spec);

// Returns, sorted by name, the modules whose name is a target, or ends in "." and a target, as in
// PEFT. Throws ConfigError if a target names none; the message lists those that there are.
[[nodiscard]] std::vector<Module> select_modules(const std::vector<std::string>& targets,
                                                 const model::ModelSpec& spec);

}  // namespace incipit::lora
