// PEFT adapter folders of peft_type P_TUNING. PEFT saves the rows that the encoder computes, and
// only what its configuration says of the encoder.
#pragma once

#include <filesystem>

#include "methods/p_tuning/encoder.h"
#include "methods/peft_folder.h"

namespace incipit::p_tuning {

inline constexpr const char* kPeftType = "P_TUNING";

void save_p_tuning_adapter(const std::filesystem::path& folder, const methods::PeftAdapter& adapter,
                           const EncoderShape& encoder);

// Rows read from a folder that PEFT or Incipit wrote.
struct LoadedRows {
  methods::PeftAdapter adapter;
  EncoderShape encoder;
};

// Throws DataError (file, key or tensor, what was found, what was expected) when the folder is
// missing or damaged, or of another kind.
[[nodiscard]] LoadedRows load_p_tuning_adapter(const std::filesystem::path& folder);

}  // namespace incipit::p_tuning
