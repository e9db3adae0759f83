#include "core/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace incipit::log {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      break;
  }
  return spdlog::level::err;
}

// Forwards log lines to other sinks, within calls of a function.
class WithinSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  WithinSink(std::function<void(const std::function<void()>& write)> around,
             std::vector<spdlog::sink_ptr> sinks)
      : around_(std::move(around)), sinks_(std::move(sinks)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    around_([&] {
      for (const auto& sink : sinks_) {
        if (sink->should_log(message.level)) sink->log(message);
        sink->flush();
      }
    });
  }
  void flush_() override {
    for (const auto& sink : sinks_) sink->flush();
  }
  // The other sinks keep their own patterns.
  void set_pattern_(const std::string&) override {}
  void set_formatter_(std::unique_ptr<spdlog::formatter>) override {}

  std::function<void(const std::function<void()>& write)> around_;
  std::vector<spdlog::sink_ptr> sinks_;
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
  auto logger = std::make_shared<spdlog::logger>("incipit", std::move(sink));
  const bool quiet = rank != 0 && parsed > spdlog::level::debug;
  logger->set_level(quiet ? std::max(parsed, spdlog::level::warn) : parsed);
  logger->set_pattern(world_size > 1 ? "%H:%M:%S [rank " + std::to_string(rank) + "] %^%l%$ %v"
                                     : "%H:%M:%S %^%l%$ %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

namespace detail {

std::string text_of(double number) { return fmt::format("{}", number); }

void write(Level level, std::string_view format, std::span<const std::string> arguments) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(spdlog_level(level))) return;
  std::string line;
  for (const std::string& argument : arguments) {
    const std::size_t place = format.find("{}");
    line.append(format.substr(0, place)).append(argument);
    format.remove_prefix(place + 2);
  }
  line += format;
  logger.log(spdlog_level(level), spdlog::string_view_t(printable(line)));
}

}  // namespace detail

Redirection Redirection::within(std::function<void(const std::function<void()>& write)> around) {
  Redirection redirection(spdlog::default_logger());
  const auto before = spdlog::default_logger();
  auto sink = std::make_shared<WithinSink>(std::move(around), before->sinks());
  auto logger = std::make_shared<spdlog::logger>(before->name(), std::move(sink));
  logger->set_level(before->level());
  logger->flush_on(before->flush_level());
  spdlog::set_default_logger(std::move(logger));
  return redirection;
}

Redirection Redirection::to(std::ostream& out) {
  Redirection redirection(spdlog::default_logger());
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out, /*force_flush=*/true);
  auto logger = std::make_shared<spdlog::logger>("redirected", std::move(sink));
  logger->set_pattern("%v");
  spdlog::set_default_logger(std::move(logger));
  return redirection;
}

Redirection::~Redirection() {
  if (before_) spdlog::set_default_logger(std::static_pointer_cast<spdlog::logger>(before_));
}

}  // namespace incipit::log
