// A cartridge (Eyuboglu et al. 2025): a prefix that starts from the keys and values which the model
// computes for a text, as PEFT's CARTRIDGE. Its first rows may stay as they are: models use the
// first tokens to attend to nothing.
#pragma once

#include "methods/method.h"

namespace incipit::prefix_tuning {

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method cartridge();

}  // namespace incipit::prefix_tuning
