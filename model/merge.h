// Adds changes to the weights of a model folder.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

#include "model/spec.h"
#include "model/weight_files.h"

namespace incipit::model {

// Writes the model of `files`, with `changes` (float32, by the names of `spec`, in the shapes of
// the files) added to its weights, to the new folder `folder` (model/model_writer.h). Sums are in
// float32 and rounded once to the dtype of each weight. Throws DataError if `folder` exists, or if
// a file cannot be read or written.
void write_merged(const std::filesystem::path& folder, const WeightFiles& files,
                  const ModelSpec& spec, const std::map<std::string, at::Tensor>& changes);

}  // namespace incipit::model
