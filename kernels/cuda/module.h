// Loads libincipit_cuda.so, the kernels of CUDA devices. The program does not link it, so it starts
// and computes on CPUs where there is neither the module nor a GPU.
#pragma once

#include <string>

#include "kernels/cuda/table.h"

namespace incipit::kernels::cuda {

struct Module {
  const Table* table = nullptr;  // null: the module cannot be used
  std::string problem;           // why, and what to do
};

// Returns the path of a module named `file`, from the first place that has it: the folder of the
// program, ../lib and ../lib64 beside it, the build folder. Otherwise returns `file`, for the
// loader's path.
[[nodiscard]] std::string find_module(const std::string& file);

// Loads the module from `file`, or from the first place that has it: the file that the environment
// variable INCIPIT_CUDA_MODULE names, the folder of the program, ../lib beside it, the build
// folder. It stays loaded. Throws ConfigError if the module is of another version than the program.
[[nodiscard]] Module load_module(const std::string& file);

// Returns the result of loading the module from its usual places, which happens once. Any thread.
[[nodiscard]] const Module& module();

}  // namespace incipit::kernels::cuda
