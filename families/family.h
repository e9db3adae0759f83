// A family of models: what one folder below families/ defines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/json_file.h"
#include "model/spec.h"

namespace incipit::families {

struct Family {
  std::vector<std::string> model_types;  // "model_type" in config.json
  // Returns the architecture that a config.json describes. Throws DataError (file, key) if it is
  // wrong, or if the model needs a feature that the engine lacks, which the message names.
  std::function<model::ModelSpec(const model::JsonObject& config)> read;
  // Small models that differ as models of the family do, with at least three layers, three heads
  // and 61 tokens. The conformance tests run every method on each of them.
  std::function<std::vector<model::ModelSpec>()> examples;
};

}  // namespace incipit::families
