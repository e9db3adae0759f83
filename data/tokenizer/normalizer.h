// The "normalizer" of tokenizer.json: rewrites a text before it is split into pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

// A text while normalizers are applied.
struct NormalizedText {
  std::string text;
  std::size_t front = 0;  // leading bytes that come from the first character (see Piece)
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(NormalizedText& text) const = 0;
};

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;  // applied in order

// Reads NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence. Throws DataError naming
// any other type.
[[nodiscard]] Normalizers read_normalizers(const JsonNode& node);

}  // namespace incipit::data
