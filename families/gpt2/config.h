// The GPT-2 family (Radford et al. 2019): layer norms, learned positions, a GELU MLP, biases
// everywhere, and linear maps stored as [in, out].
#pragma once

#include "families/common_config.h"
#include "families/family.h"
#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::gpt2 {

struct Config : families::CommonConfig {
  double layer_norm_eps = 1e-5;

  // Returns the architecture, with the names of its tensors.
  [[nodiscard]] model::ModelSpec spec() const;
};

// Reads a config.json. Throws DataError with the file and the key if it is wrong, or if the model
// needs a feature that the engine lacks, which the message names.
[[nodiscard]] Config read_config(const model::JsonObject& json);

// The family, for the registry (families/registry.h).
[[nodiscard]] families::Family family();

}  // namespace incipit::gpt2
