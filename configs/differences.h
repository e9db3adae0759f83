// Differences between two configurations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configs/run_config.h"

namespace incipit::configs {

struct Difference {
  std::string key;     // "train.optimizer.lr"
  std::string before;  // as YAML; "" if the key is not set
  std::string now;
};

// Returns the keys whose values differ, in key order. Empty when the configurations are equal.
[[nodiscard]] std::vector<Difference> differences(const RunConfig& before, const RunConfig& now);

// Returns all keys of a configuration, in key order.
[[nodiscard]] std::vector<std::string> keys_of(const RunConfig& config);

}  // namespace incipit::configs
