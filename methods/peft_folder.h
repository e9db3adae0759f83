// Hugging Face PEFT adapter folders, as version 0.21.2 writes and reads them: adapter_config.json,
// and adapter_model.safetensors, which for prompts has the tensor prompt_embeddings in float32.
// What PEFT has no key for (the fingerprint of the backbone's weights, our name of the prompt) is
// in the safetensors metadata, which PEFT ignores.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "methods/backbone_info.h"
#include "model/json_file.h"
#include "model/safetensors.h"

namespace incipit::methods {

// Of any adapter.
struct PeftOrigin {
  std::string name;       // of the prompt
  BackboneInfo backbone;  // as far as the files say
  // Those of a prompt of several tasks, whose names are letters, digits, _ and -. Empty: unknown.
  std::vector<std::string> tasks{};
};

// Writes both files to `folder`, which is created if missing. Each file is replaced atomically;
// equal input gives equal bytes. The head of the origin is written too. `config` has the keys of
// this kind of adapter beside the common ones. Throws NumericsError if a value is not finite.
void save_peft_files(const std::filesystem::path& folder, const PeftOrigin& origin,
                     const std::map<std::string, at::Tensor>& prompt, const nlohmann::json& config);

// Returns the value of a key whose number may be unknown, 0: null.
[[nodiscard]] nlohmann::json null_if_zero(std::int64_t number);

// Opens adapter_model.safetensors. Throws DataError if it is missing or damaged.
[[nodiscard]] model::SafetensorsFile open_peft_tensors(const std::filesystem::path& folder);

// Returns a tensor as float32 in its own memory. `shape_text` says in messages how the shape
// follows from the configuration. Throws DataError if it is missing, has another shape or numbers
// that are not finite.
[[nodiscard]] at::Tensor read_peft_tensor(const model::SafetensorsFile& file,
                                          const std::string& name, at::IntArrayRef shape,
                                          const std::string& shape_text);

// Throws DataError if the adapter has other trained modules than the prompt and a head.
[[nodiscard]] PeftOrigin read_peft_origin(const std::filesystem::path& folder,
                                          const model::JsonObject& config,
                                          const model::SafetensorsFile& file);

// The adapter of a prompt.
struct PeftAdapter {
  std::string name;       // of the prompt
  at::Tensor values;      // [virtual tokens, width] float32
  BackboneInfo backbone;  // as far as the files say
};

// Writes them as save_peft_files() does.
void save_peft_folder(const std::filesystem::path& folder, const PeftAdapter& adapter,
                      const nlohmann::json& config);

// Reads adapter_config.json, which must be in `folder` itself. Throws DataError (file, key, what
// was found, what was expected) if it is missing.
[[nodiscard]] model::JsonObject read_peft_config(const std::filesystem::path& folder);

// Returns the number of columns of the stored tensor. Throws DataError if the file is missing or
// damaged, or has no matrix.
[[nodiscard]] std::int64_t stored_width(const std::filesystem::path& folder);

// Reads the first num_virtual_tokens rows of the tensor, which has `copies` times as many and
// `width` columns; `width_text` says in messages how the width follows from the configuration.
// Throws DataError if the file is missing or damaged, or the tensor has another shape.
[[nodiscard]] PeftAdapter read_peft_tensors(const std::filesystem::path& folder,
                                            const model::JsonObject& config, std::int64_t width,
                                            std::int64_t copies, const std::string& width_text);

}  // namespace incipit::methods
