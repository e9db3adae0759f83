// StarCoder2 (Lozhkov et al. 2024): layer norms, rotary positions, biases everywhere, and an MLP
// with GELU.
#pragma once

#include <incipit/families/family.h>

namespace own {

[[nodiscard]] incipit::families::Family starcoder2();

}  // namespace own
