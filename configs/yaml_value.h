// A YAML document as written: quoted or not, in order, with line and column.
//
// yaml-cpp's own tree keeps the first of duplicate keys, reads `010` as 8 and `yes` as true. This
// one is built from the events of yaml-cpp's parser and interprets nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "configs/problems.h"

namespace incipit::configs {

struct YamlPair;

struct YamlValue {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Location where{};
  std::string scalar{};            // kScalar
  bool quoted = false;             // kScalar: in quotes or a block scalar, so always text
  std::vector<YamlValue> items{};  // kSequence
  std::vector<YamlPair> pairs{};   // kMap: in file order, keys unique

  bool partial = false;  // kMap: from a dotted override; keys it does not name are kept

  // Returns "a list", "the text 'many'", "the number 3", ... for messages.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] const YamlPair* find(std::string_view key) const;

  void add(std::string key, YamlValue value);  // only for kMap

  [[nodiscard]] static YamlValue plain(std::string text);
  [[nodiscard]] static YamlValue text(std::string text);
};

struct YamlPair {
  std::string key{};
  Location key_where{};
  YamlValue value{};
};

// Accepts exactly `true` and `false`.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view plain);
// Returns whether this is an integer: decimal digits with an optional minus, no leading zero.
[[nodiscard]] bool looks_like_integer(std::string_view plain);
// Returns whether this is an integer, or a decimal number with a point or an exponent.
[[nodiscard]] bool looks_like_number(std::string_view plain);

// Parses one document. Mistakes (duplicate keys, keys that are not text, tags, merge keys, several
// documents) are added to `problems`; the rest is returned. An empty document is a map without
// keys. `source` names the document in locations; with `with_lines` false (an override), locations
// have no line. Throws ConfigError with all problems so far on a syntax error.
[[nodiscard]] YamlValue parse_yaml(std::string_view text, const std::string& source,
                                   Problems& problems, bool with_lines = true);

}  // namespace incipit::configs
