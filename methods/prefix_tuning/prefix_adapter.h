// PEFT adapter folders of peft_type PREFIX_TUNING and CARTRIDGE.
#pragma once

#include <filesystem>
#include <memory>

#include "methods/peft_folder.h"
#include "methods/prefix_tuning/prefix_tuning.h"

namespace incipit::prefix_tuning {

inline constexpr const char* kPeftType = "PREFIX_TUNING";
inline constexpr const char* kCartridgeType = "CARTRIDGE";

void save_prefix_adapter(const std::filesystem::path& folder, const methods::PeftAdapter& adapter,
                         const PrefixShape& shape, const PrefixForm& form);

// A prefix read from a folder that PEFT or Incipit wrote.
struct LoadedPrefix {
  methods::PeftAdapter adapter;
  PrefixShape shape;
  PrefixForm form;
};

// Throws DataError (file, key or tensor, what was found, what was expected) when the folder is
// missing or damaged, or of another kind.
[[nodiscard]] LoadedPrefix load_prefix_adapter(const std::filesystem::path& folder);

}  // namespace incipit::prefix_tuning
