// A schema and its values as text.
#pragma once

#include <string>

#include "configs/schema.h"

namespace incipit::configs {

// The present values as YAML that reads back to the same values.
[[nodiscard]] std::string write_yaml(const Block& root);

// Tables of all keys in Markdown: key, type, default (the present value), meaning.
[[nodiscard]] std::string document_keys(const Block& root);

}  // namespace incipit::configs
