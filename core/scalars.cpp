#include "core/scalars.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace incipit {
namespace {

std::string expected(const std::string& what, const ConfigValue& value) {
  return "expected " + what + ", found " + value.describe();
}

// Returns whether other YAML readers take the word for a boolean.
bool is_boolean_elsewhere(const std::string& word) {
  for (const char* other : {"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
                            "OFF", "True", "TRUE", "False", "FALSE", "y", "n"}) {
    if (word == other) return true;
  }
  return false;
}

// Returns "" when `value` is a plain scalar, else the problem.
std::string require_plain(const ConfigValue& value, const std::string& what) {
  if (value.kind != ConfigValue::Kind::kScalar) return expected(what, value);
  if (value.quoted) return expected(what, value) + " in quotes";
  return "";
}

template <typename Integer>
std::string read_integer(const ConfigValue& value, Integer& target, const Bounds& bounds) {
  const bool bounded = !bounds.text().empty();
  const std::string what = bounds.describe("a whole number");
  if (const std::string problem = require_plain(value, what); !problem.empty()) return problem;
  if (!looks_like_integer(value.scalar)) {
    std::string hint;
    if (value.scalar.size() > 1 && value.scalar[0] == '0') {
      hint = " (write it in decimal, without a leading zero)";
    }
    return expected(what, value) + hint;
  }
  Integer number = 0;
  const char* end = value.scalar.data() + value.scalar.size();
  const auto [parsed, error] = std::from_chars(value.scalar.data(), end, number);
  if (error != std::errc() || parsed != end || !bounds.contains(static_cast<double>(number))) {
    return expected(what, value) + (bounded ? "" : ", which is out of range");
  }
  target = number;
  return "";
}

}  // namespace

bool Bounds::contains(double value) const {
  return (open_min ? value > min : value >= min) && (open_max ? value < max : value <= max);
}

std::string Bounds::text() const {
  std::string text;
  if (std::isfinite(min)) text += (open_min ? "> " : ">= ") + number_text(min);
  if (std::isfinite(max)) {
    text += (text.empty() ? "" : " and ") + std::string(open_max ? "< " : "<= ") + number_text(max);
  }
  return text;
}

std::string Bounds::describe(const std::string& type) const {
  const std::string bounds = text();
  return bounds.empty() ? type : type + " " + bounds;
}

std::string read_scalar(const ConfigValue& value, bool& target) {
  if (const std::string problem = require_plain(value, "true or false"); !problem.empty()) {
    return problem;
  }
  const auto parsed = parse_bool(value.scalar);
  if (!parsed) return expected("true or false", value);
  target = *parsed;
  return "";
}

std::string read_scalar(const ConfigValue& value, int& target, Bounds bounds) {
  bounds.max = std::min<double>(bounds.max, std::numeric_limits<int>::max());
  return read_integer(value, target, bounds);
}

std::string read_scalar(const ConfigValue& value, std::int64_t& target, Bounds bounds) {
  return read_integer(value, target, bounds);
}

std::string read_scalar(const ConfigValue& value, std::uint64_t& target, Bounds bounds) {
  bounds.min = std::max(bounds.min, 0.0);
  return read_integer(value, target, bounds);
}

std::string read_scalar(const ConfigValue& value, double& target, Bounds bounds) {
  const std::string what = bounds.describe("a number");
  if (const std::string problem = require_plain(value, what); !problem.empty()) return problem;
  double number = 0;
  const char* end = value.scalar.data() + value.scalar.size();
  const auto [parsed, error] = std::from_chars(value.scalar.data(), end, number);
  if (!looks_like_number(value.scalar) || error != std::errc() || parsed != end ||
      !bounds.contains(number)) {
    return expected(what, value);
  }
  target = number;
  return "";
}

std::string read_scalar(const ConfigValue& value, std::string& target) {
  if (value.kind != ConfigValue::Kind::kScalar) {
    const bool braces = value.kind == ConfigValue::Kind::kMap;
    return expected("text", value) + (braces ? " (text that begins with { needs quotes)" : "");
  }
  if (!value.quoted && (looks_like_number(value.scalar) || parse_bool(value.scalar))) {
    return expected("text", value) + " (text that looks like this needs quotes)";
  }
  if (!value.quoted && is_boolean_elsewhere(value.scalar)) {
    return "expected text, found " + value.scalar +
           ", which many YAML readers take for a boolean: put it in quotes";
  }
  target = value.scalar;
  return "";
}

std::string number_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc() ? std::string(buffer, end) : std::to_string(value);
}

}  // namespace incipit
