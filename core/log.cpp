#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>

#include "core/error.h"

namespace incipit::log {

void configure(const std::string& level, int rank, int world_size) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    throw ConfigError("log.level: '" + level + "' is not one of debug, info, warn, error");
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') sink->set_color_mode(spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>("incipit", std::move(sink));
  const bool quiet = rank != 0 && parsed > spdlog::level::debug;
  logger->set_level(quiet ? std::max(parsed, spdlog::level::warn) : parsed);
  logger->set_pattern(world_size > 1 ? "%H:%M:%S [rank " + std::to_string(rank) + "] %^%l%$ %v"
                                     : "%H:%M:%S %^%l%$ %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace incipit::log
