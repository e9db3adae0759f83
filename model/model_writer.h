// Writes a model folder in Hugging Face layout.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace incipit::model {

// Writes `tensors`, of one dtype, to FOLDER/model.safetensors, and copies configuration and
// tokenizer from the model folder `source`, with the dtype of the tensors in config.json. An empty
// `source`: writes the tensors only. Files are replaced atomically; equal input gives equal bytes.
// Throws DataError if a file cannot be read or written.
void write_model(const std::filesystem::path& folder,
                 const std::map<std::string, at::Tensor>& tensors,
                 const std::filesystem::path& source);

}  // namespace incipit::model
