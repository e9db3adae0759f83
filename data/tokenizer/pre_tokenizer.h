// The "pre_tokenizer" of tokenizer.json: splits a text into the words that the model sees.
#pragma once

#include <memory>
#include <vector>

#include "data/tokenizer/json_node.h"
#include "data/tokenizer/pieces.h"

namespace incipit::data {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

struct PreTokenizers {
  std::vector<std::unique_ptr<PreTokenizer>> list;  // applied in order
  // The last step is the byte-level alphabet. It is left to the model, which takes the raw bytes.
  bool byte_level = false;
  std::size_t growing = 0;  // the number of steps that lengthen texts
};

// Reads ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation, Sequence.
// Throws DataError naming any other type.
[[nodiscard]] PreTokenizers read_pre_tokenizers(const JsonNode& node);

}  // namespace incipit::data
