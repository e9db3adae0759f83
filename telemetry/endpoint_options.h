// The `metrics:` block of a run's YAML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::telemetry {

enum class PortTaken {
  kFree,   // "free": warn and listen on a free port
  kError,  // "error": end the run
};

struct EndpointOptions {
  // An address of this machine, as parse_address() reads it; empty: off. A rank's port is PORT +
  // local rank.
  std::string listen;
  PortTaken port_taken = PortTaken::kFree;
  std::string push{};     // "http://HOST:PORT" of a Pushgateway for the outcome; empty: off
  double peak_flops = 0;  // FLOP/s of a rank; 0: measured at the start of the run
};

struct Address {
  std::string host;  // an IPv6 address in brackets
  int port = 0;
};

// Reads "HOST:PORT", "[IPV6]:PORT", ":PORT" (every address of the machine) or "PORT" (only this
// machine, 127.0.0.1). Returns nothing for any other text.
[[nodiscard]] std::optional<Address> parse_address(const std::string& listen);

// Returns the options that are invalid, with keys relative to the block.
[[nodiscard]] std::vector<OptionProblem> validate(const EndpointOptions& options);

// Declares the keys of the block.
void declare(Schema& schema, EndpointOptions& options);

}  // namespace incipit::telemetry
