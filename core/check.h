// Checks of internal invariants. For a fault that a user can cause, throw an Error instead.
//
//   INCIPIT_CHECK(begin <= end, "segment ", s, " ends before it begins");
//
// throws LogicError with file, line and the failed condition.
#pragma once

#include <sstream>
#include <string>

#include "core/error.h"

namespace incipit::detail {

template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      const std::string& message) {
  throw LogicError(
      concat(file, ":", line, ": check failed: ", condition, message.empty() ? "" : ": ", message));
}

}  // namespace incipit::detail

#define INCIPIT_CHECK(condition, ...)                                                            \
  do {                                                                                           \
    if (!(condition)) [[unlikely]]                                                               \
      ::incipit::detail::check_failed(__FILE__, __LINE__, #condition,                            \
                                      ::incipit::detail::concat("" __VA_OPT__(, ) __VA_ARGS__)); \
  } while (false)
