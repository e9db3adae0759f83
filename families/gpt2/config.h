// The GPT-2 family (Radford et al. 2019): layer norms, learned positions, a GELU MLP, biases
// everywhere, and linear maps stored as [in, out].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "families/family.h"
#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::gpt2 {

struct Config {
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;  // divides hidden_size
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  double layer_norm_eps = 1e-5;
  bool tied_embeddings = true;
  std::optional<std::int32_t> bos_token_id{};
  std::vector<std::int32_t> eos_token_ids{};
  std::string torch_dtype{};  // as stored: float32, bfloat16, float16

  // Returns the architecture, with the names of its tensors.
  [[nodiscard]] model::ModelSpec spec() const;
};

// Reads a config.json. Throws DataError with the file and the key if it is wrong, or if the model
// needs a feature that the engine lacks, which the message names.
[[nodiscard]] Config read_config(const model::JsonObject& json);

// The family, for the registry (families/registry.h).
[[nodiscard]] families::Family family();

}  // namespace incipit::gpt2
