#include "core/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace incipit::log {
namespace {

class PrintableMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

}  // namespace

void configure(const std::string& level, int rank, int world_size) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    throw ConfigError("log.level: '" + level + "' is not one of debug, info, warn, error");
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') sink->set_color_mode(spdlog::color_mode::never);
  auto format = std::make_unique<spdlog::pattern_formatter>();
  format->add_flag<PrintableMessage>('*').set_pattern(
      world_size > 1 ? "%H:%M:%S [rank " + std::to_string(rank) + "] %^%l%$ %*"
                     : "%H:%M:%S %^%l%$ %*");
  auto logger = std::make_shared<spdlog::logger>("incipit", std::move(sink));
  const bool quiet = rank != 0 && parsed > spdlog::level::debug;
  logger->set_level(quiet ? std::max(parsed, spdlog::level::warn) : parsed);
  logger->set_formatter(std::move(format));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace incipit::log
