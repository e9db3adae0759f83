// A schema and its values as text.
#pragma once

#include <string>
#include <string_view>

#include "configs/schema.h"

namespace incipit::configs {

// The present values as YAML that reads back to the same values.
[[nodiscard]] std::string write_yaml(const Block& root);

// `text` as a scalar that every YAML reader takes for this text, in quotes where it has to be.
[[nodiscard]] std::string yaml_text(const std::string& text);

// A value on one line.
[[nodiscard]] std::string flow_yaml(const YamlValue& value);

// The present value of one key, as write_yaml() writes it; `path` is that of a key of a block in the
// root, like "train.steps", or in a block of it. Throws LogicError when there is none.
[[nodiscard]] std::string value_yaml(const Block& root, std::string_view path);

// Tables of all keys in Markdown: key, type, default (the present value), meaning.
[[nodiscard]] std::string document_keys(const Block& root);

}  // namespace incipit::configs
