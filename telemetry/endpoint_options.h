// The `metrics:` block of a run's YAML.
#pragma once

#include <string>

namespace incipit {
class Schema;
}

namespace incipit::telemetry {

enum class PortTaken {
  kFree,   // "free": warn and listen on a free port
  kError,  // "error": end the run
};

struct EndpointOptions {
  std::string listen;  // "HOST:PORT"; empty: off. A rank's port is PORT + local rank
  PortTaken port_taken = PortTaken::kFree;
  std::string push{};     // "http://HOST:PORT" of a Pushgateway for the outcome; empty: off
  double peak_flops = 0;  // FLOP/s of a rank; 0: measured at the start of the run
};

// Declares the keys of the block.
void declare(Schema& schema, EndpointOptions& options);

}  // namespace incipit::telemetry
