// PEFT adapter folders of peft_type MULTITASK_PROMPT_TUNING: the tensors prompt_embeddings,
// prefix_task_cols and prefix_task_rows, and num_tasks and num_ranks in the configuration. PEFT
// numbers tasks; their names are in the safetensors metadata.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "methods/peft_folder.h"

namespace incipit::multitask {

inline constexpr const char* kPeftType = "MULTITASK_PROMPT_TUNING";

// What the prompts of T tasks are computed from: that of task t is shared * (cols[t] rows[t]).
// Tokens P, rank r; float32.
struct Factors {
  at::Tensor shared;  // [P, hidden]
  at::Tensor cols;    // [T, P, r]
  at::Tensor rows;    // [T, r, hidden]
  [[nodiscard]] std::int64_t tasks() const { return cols.size(0); }
  [[nodiscard]] std::int64_t tokens() const { return cols.size(1); }
  [[nodiscard]] std::int64_t ranks() const { return cols.size(2); }
  [[nodiscard]] std::int64_t width() const { return rows.size(2); }
};

// Factors that PEFT or Incipit wrote, with the names of the tasks: "0", "1", … where the file has
// none.
struct LoadedFactors {
  methods::PeftOrigin origin;
  Factors factors;
};

void save_multitask_adapter(const std::filesystem::path& folder, const methods::PeftOrigin& origin,
                            const Factors& factors);

// Throws DataError (file, key or tensor, what was found, what was expected) when the folder is
// missing or damaged, or of another kind.
[[nodiscard]] LoadedFactors load_multitask_adapter(const std::filesystem::path& folder);

}  // namespace incipit::multitask
