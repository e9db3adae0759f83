// Logging to standard error. Standard output is for results.
//
//   log::info("read {} examples from {}", count, path);
//
// Each "{}" is replaced with the next argument: text or a number. The compiler checks their number.
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace incipit::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// Sends all log lines to standard error. `level` is debug, info, warn or error. Lines show `rank`
// if `world_size` is above 1. Ranks other than 0 log only warnings and errors, unless `level` is
// "debug". Throws ConfigError for any other level.
void configure(const std::string& level, int rank = 0, int world_size = 1);

namespace detail {

inline std::string text_of(std::string_view text) { return std::string(text); }
std::string text_of(double number);  // the shortest text that reads back as the number
std::string text_of(std::integral auto number) { return std::to_string(number); }

// Logs `format`, in which the arguments replace "{}".
void write(Level level, std::string_view format, std::span<const std::string> arguments);

// A format for these arguments.
template <typename... Arguments>
struct Format {
  // NOLINTNEXTLINE(google-explicit-constructor): a text in a call
  consteval Format(const char* text_) : text(text_) {
    std::size_t places = 0;
    for (std::size_t at = text.find("{}"); at != text.npos; at = text.find("{}", at + 2)) ++places;
    if (places != sizeof...(Arguments)) throw "a log line needs one {} for each argument";
  }
  std::string_view text;
};

template <typename... Arguments>
void write_all(Level level, std::string_view format, const Arguments&... arguments) {
  if constexpr (sizeof...(Arguments) == 0) {
    write(level, format, {});
  } else {
    const std::string texts[] = {text_of(arguments)...};
    write(level, format, texts);
  }
}

}  // namespace detail

template <typename... A>
void debug(detail::Format<std::type_identity_t<A>...> format, const A&... arguments) {
  detail::write_all(Level::kDebug, format.text, arguments...);
}
template <typename... A>
void info(detail::Format<std::type_identity_t<A>...> format, const A&... arguments) {
  detail::write_all(Level::kInfo, format.text, arguments...);
}
template <typename... A>
void warn(detail::Format<std::type_identity_t<A>...> format, const A&... arguments) {
  detail::write_all(Level::kWarn, format.text, arguments...);
}
template <typename... A>
void error(detail::Format<std::type_identity_t<A>...> format, const A&... arguments) {
  detail::write_all(Level::kError, format.text, arguments...);
}

// Changes where log lines go, until it is destroyed. Destroy the latest first.
class Redirection {
 public:
  // Writes each line to where lines went before, by the function that is passed to `around`, which
  // must call it once.
  [[nodiscard]] static Redirection within(
      std::function<void(const std::function<void()>& write)> around);
  // Writes each line to `out`, which must outlive the object: the text only.
  [[nodiscard]] static Redirection to(std::ostream& out);

  Redirection(Redirection&&) noexcept = default;
  Redirection& operator=(Redirection&&) = delete;
  ~Redirection();

 private:
  explicit Redirection(std::shared_ptr<void> before) : before_(std::move(before)) {}
  std::shared_ptr<void> before_;  // the logger; null after a move
};

}  // namespace incipit::log
