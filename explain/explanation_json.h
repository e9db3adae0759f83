// An explanation as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "explain/explanation.h"

namespace incipit::explain {

// Returns every figure. Members that do not exist for the kind of prompt are left out.
[[nodiscard]] nlohmann::ordered_json explanation_json(const Explanation& explanation);

}  // namespace incipit::explain
