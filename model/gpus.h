// The GPUs that libtorch can use.
#pragma once

namespace incipit::model {

// Loads libtorch's CUDA library, which is large and needs a driver, and returns the number of
// visible GPUs. Call before the first tensor on a GPU. Throws ConfigError if the library cannot be
// loaded or no GPU is visible.
[[nodiscard]] int load_gpus();

}  // namespace incipit::model
