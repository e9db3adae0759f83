// Limits on what a tokenizer.json may ask for. Its rules rewrite texts, and a small file can make
// them grow without bound: forty rules that double a letter. Real tokenizers are far below these.
#pragma once

#include <cstddef>
#include <string_view>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

constexpr std::size_t kMaxSteps = 32;        // rules in a list, sequences counted by their parts
constexpr std::size_t kMaxGrowingSteps = 4;  // pre-tokenizers that lengthen texts
constexpr std::size_t kMaxAddedTokenBytes = 4096;
constexpr std::size_t kMaxDecodedBytes = std::size_t{64} << 20;     // a text while it is decoded
constexpr std::size_t kMaxAddedTokensBytes = std::size_t{4} << 20;  // of all together

// Returns the most bytes that a text of `bytes` may have after all rules.
[[nodiscard]] constexpr std::size_t most_bytes_after_rules(std::size_t bytes) {
  return 32 * bytes + (std::size_t{64} << 10);
}

// Throws DataError if `bytes`, the length to which `rules` ("normalizer") lengthen a text, is above
// `most`.
void require_growth(std::string_view rules, std::size_t bytes, std::size_t most);

// Throws DataError naming the node if a list of rules has `count` of them and may have `most`.
void require_count(const JsonNode& node, std::size_t count, std::size_t most);

}  // namespace incipit::data
