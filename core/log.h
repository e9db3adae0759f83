// Logging to standard error. Standard output belongs to results.
//
//   log::info("read {} examples from {}", count, path);
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace incipit::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// Sends everything to standard error. `rank` is shown when the world has more than
// one; ranks other than 0 show warnings and errors only, unless level is "debug".
// level: debug, info, warn, error. Throws ConfigError on any other word.
void configure(const std::string& level, int rank = 0, int world_size = 1);

}  // namespace incipit::log
