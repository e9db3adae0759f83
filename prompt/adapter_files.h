// Soft prompts as files: PEFT adapter folders and T5X's .npy.
//
// A PEFT folder holds adapter_config.json and adapter_model.safetensors with one tensor,
// prompt_embeddings [P, d] float32. `PeftModel.from_pretrained` loads ours unchanged. What
// PEFT has no key for (the fingerprint of the backbone's weights, our name of the prompt) stands in the
// safetensors metadata, which PEFT does not look at.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "prompt/soft_prompt.h"

namespace incipit::prompt {

// The backbone that a prompt was made for.
struct BackboneInfo {
  std::string name;           // model path or hub name, as the user gave it
  std::string weights_fingerprint;  // WeightFiles::fingerprint; "" when unknown
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;           // 0 when unknown
  std::int64_t attention_heads = 0;  // 0 when unknown
};

struct LoadedPrompt {
  SoftPrompt prompt;
  BackboneInfo backbone;  // as the file tells; a .npy tells the hidden size only
};

// Writes adapter_config.json and adapter_model.safetensors into `folder` (made if missing);
// each file is replaced atomically and equal input gives equal bytes.
void save_peft_adapter(const std::filesystem::path& folder, const SoftPrompt& prompt,
                       const BackboneInfo& backbone);

// Reads a folder that PEFT or we wrote; `folder` itself holds adapter_config.json. Throws
// DataError (file, key or tensor, what was found, what is expected) when it is missing or
// damaged, or when its peft_type is not PROMPT_TUNING.
[[nodiscard]] LoadedPrompt load_peft_adapter(const std::filesystem::path& folder);

// NumPy 1.0 format, '<f4', C order, shape (P, d), as T5X's prompt tuning writes it. Reading
// also takes format 2.0 and 3.0, and float16 and float64, which become float32.
void save_npy(const std::filesystem::path& path, const SoftPrompt& prompt);
[[nodiscard]] LoadedPrompt load_npy(const std::filesystem::path& path);

// Either of the two: a folder is a PEFT adapter, a file is a .npy.
[[nodiscard]] LoadedPrompt load_prompt(const std::filesystem::path& path);

// Throws DataError when the prompt's width is not the backbone's hidden size; warns when it
// was made for other weights. `path` is for the message.
void check_backbone(const LoadedPrompt& loaded, const BackboneInfo& backbone,
                    const std::filesystem::path& path);

}  // namespace incipit::prompt
