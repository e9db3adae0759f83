// Resolves `auto` for model.dtype and model.device:
//
//   device  cuda if a GPU is visible, else cpu
//   dtype   bfloat16 on a GPU and on a processor with bfloat16 units; else float32, which is as
//   fast
//           there and exact, unless only bfloat16 fits in memory
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

#include "comm/communicator.h"
#include "configs/run_config.h"

namespace incipit::launcher {

struct ModelChoice {
  model::ModelOptions options;  // with `auto` resolved
  std::string dtype_reason;     // "set in the configuration", or the reason for the choice
  std::string device_reason;
};

// The properties of a machine that the choice depends on.
struct ModelMachine {
  std::size_t gpus = 0;
  bool bfloat16_units = false;
  double float32_bytes = 0;  // of a rank's weights
  double memory = 0;         // bytes available to a rank
};

// Describes this machine without a model (float32_bytes is 0). Does not look for GPUs unless the
// device must be chosen.
[[nodiscard]] ModelMachine this_machine(const model::ModelOptions& options);

// Resolves `auto` for one rank. Not collective.
[[nodiscard]] ModelChoice choose_model(const model::ModelOptions& options,
                                       const ModelMachine& machine);

// Makes one choice for all ranks: cuda only if every rank has a GPU, bfloat16 only if every rank
// would choose it. A dtype set on one rank (a resumed run keeps its own) applies to all.
// Collective.
[[nodiscard]] ModelChoice agree(comm::Communicator& world, const model::ModelOptions& options,
                                const ModelMachine& machine);

// Throws LogicError for kAuto, which must be resolved before.
[[nodiscard]] c10::ScalarType scalar_type(model::Dtype dtype);

// The choice with its reason: "bfloat16 (auto: this processor multiplies bfloat16 directly)",
// "cpu (auto: no GPU is visible)"
[[nodiscard]] std::string dtype_text(const ModelChoice& choice);
[[nodiscard]] std::string device_text(const ModelChoice& choice);

}  // namespace incipit::launcher
