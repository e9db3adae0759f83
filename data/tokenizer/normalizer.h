// The "normalizer" of tokenizer.json: rewrites a text before it is split into pieces.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

// A text while normalizers are applied.
struct NormalizedText {
  std::string text;
  std::size_t front = 0;  // leading bytes that come from the first character (see Piece)
  std::size_t most = std::numeric_limits<std::size_t>::max();  // bytes to which it may grow

  void set(std::string new_text, std::size_t new_front) {
    text = std::move(new_text);
    front = new_front;
  }
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(NormalizedText& text) const = 0;
};

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;  // applied in order

// Applies all of them to text.text. Throws DataError if the text grows beyond what tokenizers need
// (data/tokenizer/limits.h).
void apply_all(const Normalizers& normalizers, NormalizedText& text);

// Reads NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence. Throws DataError naming
// any other type.
[[nodiscard]] Normalizers read_normalizers(const JsonNode& node);

}  // namespace incipit::data
