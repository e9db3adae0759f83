// The keys of a config.json that its family does not read.
#pragma once

#include <initializer_list>
#include <string_view>

#include "model/json_file.h"

namespace incipit::families {

// Throws DataError for the first key that is none of `read` and may change what the model computes.
// A key passes if its value is null, if it is known to have no influence on the computation
// (training, generation, labels, bookkeeping of other programs), or if its value is known to
// switch off what the key describes ("is_causal": true).
void refuse_other_keys(const model::JsonObject& json, std::initializer_list<std::string_view> read);

}  // namespace incipit::families
