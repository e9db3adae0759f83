// Lists of blocks in separate files, such as prompt templates, read as strictly as a
// configuration.
#pragma once

#include <cstddef>
#include <string>

#include "core/config_value.h"
#include "core/problems.h"

namespace incipit::configs {

// Returns the key under which element `index` of a list of `what` is read: "template 1".
[[nodiscard]] std::string block_key(const std::string& what, std::size_t index);

// Converts a list to a document with one block per element, so that one reader finds all mistakes.
// Adds a problem if it is no list, or empty.
[[nodiscard]] ConfigValue as_blocks(ConfigValue list, const std::string& what, Problems& problems);

// Returns the text of a file of YAML. Throws ConfigError when it cannot be read.
[[nodiscard]] std::string read_yaml_text(const std::string& path);

}  // namespace incipit::configs
