// PEFT adapter folders of peft_type LORA: lora_A.weight [r, inputs] and lora_B.weight [outputs, r]
// of every module, in float32, under base_model.model.MODULE.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "methods/lora/lora.h"
#include "methods/peft_folder.h"

namespace incipit::lora {

inline constexpr const char* kPeftType = "LORA";

// `tensors` are A and B of every module, in turn, in host memory. Equal input gives equal bytes.
void save_lora_adapter(const std::filesystem::path& folder, const methods::PeftOrigin& origin,
                       const LoraShape& shape, std::span<const at::Tensor> tensors);

struct LoadedLora {
  methods::PeftOrigin origin;
  LoraShape shape;
  std::vector<at::Tensor> tensors;  // A and B of every module, in turn
};

// Throws DataError (file, key or tensor, what was found, what was expected) when the folder is
// missing or damaged, of another kind, or uses what is not supported: DoRA, biases, ranks that
// differ between modules, and other variants of LoRA.
[[nodiscard]] LoadedLora load_lora_adapter(const std::filesystem::path& folder);

}  // namespace incipit::lora
