// Writes a schema and its values as text.
#pragma once

#include <string>
#include <string_view>

#include "core/schema.h"

namespace incipit::configs {

// Returns the current values as YAML that reads back to the same values.
[[nodiscard]] std::string write_yaml(const Schema& root);

// Returns `text` as a YAML scalar that every YAML reader takes for this text, quoted where
// necessary.
[[nodiscard]] std::string yaml_text(const std::string& text);

// Returns a value as YAML on one line.
[[nodiscard]] std::string flow_yaml(const ConfigValue& value);

// Returns the current value of one key as write_yaml() writes it. `path` names a key in a block of
// the root, like "train.steps", or one level deeper. Throws LogicError when there is no such key.
[[nodiscard]] std::string value_yaml(const Schema& root, std::string_view path);

// Returns Markdown tables of all keys: key, type, default (the current value), meaning.
[[nodiscard]] std::string document_keys(const Schema& root);

}  // namespace incipit::configs
