// Logging to standard error. Standard output is for results.
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

// Sends all log lines to standard error. `level` is debug, info, warn or error. Lines show `rank`
// if `world_size` is above 1. Ranks other than 0 log only warnings and errors, unless `level` is
// "debug". Throws ConfigError for any other level.
void configure(const std::string& level, int rank = 0, int world_size = 1);

}  // namespace incipit::log
