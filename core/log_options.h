// The `log:` block of a run's YAML.
#pragma once

#include <string>

namespace incipit {
class Schema;
}

namespace incipit::log {

struct LogOptions {
  std::string level = "info";  // debug, info, warn, error
  bool tensorboard = false;    // also write an event file for TensorBoard
  bool profile = false;        // also measure the phases of a step
};

// Declares the keys of the block.
void declare(Schema& schema, LogOptions& options);

}  // namespace incipit::log
