// A schema and its values as text.
#pragma once

#include <string>

#include "configs/schema.h"

namespace incipit::configs {

// The present values as YAML that reads back to the same values.
[[nodiscard]] std::string write_yaml(const Block& root);

// `text` as a scalar that every YAML reader takes for this text, in quotes where it has to be.
[[nodiscard]] std::string yaml_text(const std::string& text);

// Tables of all keys in Markdown: key, type, default (the present value), meaning.
[[nodiscard]] std::string document_keys(const Block& root);

}  // namespace incipit::configs
