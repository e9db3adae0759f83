// A value of a configuration as written: quoted or not, in order, with line and column. Nothing is
// interpreted; core/scalars.h reads numbers and text from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/problems.h"

namespace incipit {

struct ConfigPair;

struct ConfigValue {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Location where{};
  std::string scalar{};              // kScalar
  bool quoted = false;               // kScalar: in quotes or a block scalar, so always text
  std::vector<ConfigValue> items{};  // kSequence
  // kMap: in file order, keys unique. No initialiser: clang 14 rejects one for an incomplete type.
  std::vector<ConfigPair> pairs;

  bool partial = false;  // kMap: from a dotted override; keys it does not name are kept

  // Returns "a list", "the text 'many'", "the number 3", ... for messages.
  [[nodiscard]] std::string describe() const;
  // Returns whether this is a scalar with these characters, quoted or not.
  [[nodiscard]] bool is_word(std::string_view word) const;
  // Returns whether this is an unquoted scalar that looks like a number.
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] const ConfigPair* find(std::string_view key) const;

  void add(std::string key, ConfigValue value);  // only for kMap

  [[nodiscard]] static ConfigValue plain(std::string text);
  [[nodiscard]] static ConfigValue text(std::string text);
  [[nodiscard]] static ConfigValue list(const std::vector<std::string>& texts);
};

struct ConfigPair {
  std::string key{};
  Location key_where{};
  ConfigValue value{};
};

// Accepts exactly `true` and `false`.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view plain);
// Returns whether this is an integer: decimal digits with an optional minus, no leading zero.
[[nodiscard]] bool looks_like_integer(std::string_view plain);
// Returns whether this is an integer, or a decimal number with a point or an exponent.
[[nodiscard]] bool looks_like_number(std::string_view plain);

}  // namespace incipit
