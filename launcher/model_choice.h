// What `auto` of model.dtype and model.device stands for.
//
//   device  cuda where a GPU is visible, else cpu
//   dtype   bfloat16 on a GPU, and on a processor with units for it; else float32, as fast there and
//           exact, unless only bfloat16 fits into memory
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

#include "comm/communicator.h"
#include "configs/run_config.h"

namespace incipit::launcher {

struct ModelChoice {
  configs::ModelOptions options;  // without auto
  std::string dtype_reason;       // "set in the configuration", or why it was chosen
  std::string device_reason;
};

// What a machine offers to choose from.
struct ModelMachine {
  std::size_t gpus = 0;
  bool bfloat16_units = false;
  double float32_bytes = 0;  // of the weights of a rank
  double memory = 0;         // bytes that a rank can take
};

// This machine, without a model: weights of no size. Where the device is not to be chosen, GPUs are
// not looked for.
[[nodiscard]] ModelMachine this_machine(const configs::ModelOptions& options);

[[nodiscard]] ModelChoice choose_model(const configs::ModelOptions& options,
                                       const ModelMachine& machine);

// Makes the choice of all ranks one: cuda only where every rank has a GPU, bfloat16 only where every
// rank would choose it. A dtype that one rank was given (a run that resumes keeps its own) is that of
// all. Collective.
[[nodiscard]] ModelChoice agree(comm::Communicator& world, const configs::ModelOptions& options,
                                const ModelMachine& machine);

[[nodiscard]] c10::ScalarType scalar_type(configs::Dtype dtype);

// "bfloat16 (auto: this processor multiplies bfloat16)"
[[nodiscard]] std::string dtype_text(const ModelChoice& choice);
[[nodiscard]] std::string device_text(const ModelChoice& choice);

}  // namespace incipit::launcher
