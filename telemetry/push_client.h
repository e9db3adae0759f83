// Sends a text to a Prometheus Pushgateway.
#pragma once

#include <chrono>
#include <string>

namespace incipit::telemetry {

struct PushTarget {
  std::string host;
  int port = 0;
  std::string path;  // "/metrics/job/NAME"
};

// Returns the group of `job` at the Pushgateway of `url`, "http://HOST:PORT". Throws ConfigError if
// `url` is anything else.
[[nodiscard]] PushTarget push_target(const std::string& url, const std::string& job);

// Replaces the group's metrics by `body`, in the text format of Prometheus (HTTP PUT). Returns ""
// if the Pushgateway accepted them, else the reason. Waits at most `patience` for a connection and
// for each part of the answer, but longer for the host's name to be resolved. Call on a thread
// without SIGPIPE (broken_connections.h).
[[nodiscard]] std::string put(const PushTarget& target, const std::string& body,
                              std::chrono::milliseconds patience);

}  // namespace incipit::telemetry
