// The "pre_tokenizer" of tokenizer.json: cuts a text into the words that the model sees.
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
  // The last step writes bytes in the byte-level alphabet. It is left to the model, which
  // takes the bytes themselves.
  bool byte_level = false;
};

// ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation, Sequence.
// Throws DataError on any other type, by its name.
[[nodiscard]] PreTokenizers read_pre_tokenizers(const JsonNode& node);

}  // namespace incipit::data
