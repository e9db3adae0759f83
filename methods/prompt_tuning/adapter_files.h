// Reads and writes soft prompts as PEFT adapter folders and as T5X's .npy files.
//
// A PEFT folder has adapter_config.json and adapter_model.safetensors with one tensor,
// prompt_embeddings [P, d] float32. `PeftModel.from_pretrained` loads our folders unchanged. What
// PEFT has no key for (the fingerprint of the backbone's weights, our name of the prompt) is in the
// safetensors metadata, which PEFT ignores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "methods/backbone_info.h"
#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::prompt_tuning {

using methods::BackboneInfo;

inline constexpr const char* kPeftType = "PROMPT_TUNING";

struct LoadedPrompt {
  SoftPrompt prompt;
  BackboneInfo backbone;  // as far as the file says; a .npy gives only the hidden size
};

// Writes adapter_config.json and adapter_model.safetensors to `folder`, which is created if
// missing. Each file is replaced atomically; equal input gives equal bytes.
void save_peft_adapter(const std::filesystem::path& folder, const SoftPrompt& prompt,
                       const BackboneInfo& backbone);

// Reads a folder written by PEFT or by us; adapter_config.json must be in `folder` itself. Throws
// DataError (file, key or tensor, what was found, what was expected) when it is missing or damaged,
// or when its peft_type is another.
[[nodiscard]] LoadedPrompt load_peft_adapter(const std::filesystem::path& folder);

// Writes and reads NumPy 1.0 format, '<f4', C order, shape (P, d), as T5X's prompt tuning writes
// it. Reading also accepts formats 2.0 and 3.0, and converts float16 and float64 to float32.
void save_npy(const std::filesystem::path& path, const SoftPrompt& prompt);
[[nodiscard]] LoadedPrompt load_npy(const std::filesystem::path& path);

// Loads a file: a .npy. Throws DataError for any other.
[[nodiscard]] LoadedPrompt load_file(const std::filesystem::path& path);
// Loads either format: a folder is a PEFT adapter of this kind, a file is a .npy.
[[nodiscard]] LoadedPrompt load_any(const std::filesystem::path& path);

}  // namespace incipit::prompt_tuning
