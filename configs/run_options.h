// The `run:` block of a run's YAML.
#pragma once

#include <cstdint>
#include <string>

namespace incipit {
class Schema;
}

namespace incipit::configs {

struct RunOptions {
  std::string name;        // default: the configuration's file name
  std::string output_dir;  // default: runs/NAME
  std::uint64_t seed = 17;
  bool deterministic = false;  // bit-identical results on a GPU; slower
};

// Declares the keys of the block.
void declare(Schema& schema, RunOptions& options);

}  // namespace incipit::configs
