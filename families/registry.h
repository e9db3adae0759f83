// The families of models that can be loaded. No other file lists them.
#pragma once

#include <filesystem>

#include "families/family.h"

namespace incipit::families {

// Adds a family defined outside of this project. Call before models are read, from one thread.
// Throws LogicError if one of its model types is there already.
void add_family(Family family);

// Returns the families, in the order in which they were added.
[[nodiscard]] const std::vector<Family>& all_families();

// Returns the architecture of the model in a Hugging Face folder. Throws DataError (file, key) if
// config.json is missing or wrong, or if the model needs a feature that the engine lacks.
[[nodiscard]] model::ModelSpec read_model(const std::filesystem::path& model_dir);

}  // namespace incipit::families
