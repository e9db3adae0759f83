// What two configurations say differently.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configs/run_config.h"

namespace incipit::configs {

struct Difference {
  std::string key;     // "train.optimizer.lr"
  std::string before;  // as YAML; "" where the key is not set
  std::string now;
};

// Key by key, in the order of the keys; nothing when both mean the same.
[[nodiscard]] std::vector<Difference> differences(const RunConfig& before, const RunConfig& now);

}  // namespace incipit::configs
