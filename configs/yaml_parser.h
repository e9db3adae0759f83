// Parses YAML into values as written.
//
// yaml-cpp's own tree keeps the first of duplicate keys, reads `010` as 8 and `yes` as true. This
// parser uses only the events of yaml-cpp's parser and interprets nothing.
#pragma once

#include <string>
#include <string_view>

#include "core/config_value.h"

namespace incipit::configs {

// Parses one document. Mistakes (duplicate keys, keys that are not text, tags, merge keys, several
// documents) are added to `problems`; the rest is returned. An empty document is a map without
// keys. `source` names the document in locations; with `with_lines` false (an override), locations
// have no line. Throws ConfigError with all problems so far on a syntax error.
[[nodiscard]] ConfigValue parse_yaml(std::string_view text, const std::string& source,
                                     Problems& problems, bool with_lines = true);

}  // namespace incipit::configs
