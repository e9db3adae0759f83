// Reads numbers and text from scalars, strictly: only `true` and `false` are booleans, integers are
// plain decimal (010 and 0x8 are rejected), and text that looks like a number or a boolean needs
// quotes.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "core/config_value.h"

namespace incipit {

// Bounds of a number. They are inclusive unless marked open.
struct Bounds {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;
  bool open_max = false;
  [[nodiscard]] bool contains(double value) const;
  [[nodiscard]] std::string text() const;                             // ">= 1", "> 0 and < 1", ""
  [[nodiscard]] std::string describe(const std::string& type) const;  // "integer >= 1"
};

// Reads one scalar into `target`. Returns "", or the problem, and then leaves `target` unchanged.
[[nodiscard]] std::string read_scalar(const ConfigValue& value, bool& target);
[[nodiscard]] std::string read_scalar(const ConfigValue& value, int& target, Bounds bounds = {});
[[nodiscard]] std::string read_scalar(const ConfigValue& value, std::int64_t& target,
                                      Bounds bounds = {});
[[nodiscard]] std::string read_scalar(const ConfigValue& value, std::uint64_t& target,
                                      Bounds bounds = {});
[[nodiscard]] std::string read_scalar(const ConfigValue& value, double& target, Bounds bounds = {});
[[nodiscard]] std::string read_scalar(const ConfigValue& value, std::string& target);

// Returns the shortest text that reads back to the same number.
[[nodiscard]] std::string number_text(double value);

}  // namespace incipit
