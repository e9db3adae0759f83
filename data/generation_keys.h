// The keys of generation_config.json that generated text does not follow.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

// Returns "KEY VALUE" of each key that changes the text that transformers generates, and that
// Incipit does not read: beam search, forbidden and forced tokens, least lengths. Keys with a value
// that changes nothing are left out.
[[nodiscard]] std::vector<std::string> unread_generation_keys(const JsonNode& generation_config);

// Returns "KEY VALUE" of each key for sampling if "do_sample" is true, else nothing.
[[nodiscard]] std::vector<std::string> sampling_keys(const JsonNode& generation_config);

}  // namespace incipit::data
