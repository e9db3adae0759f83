// The "decoder" of tokenizer.json: converts tokens to text, one token at a time.
//
// A decoder is a chain of stages. Each stage receives the parts of every token in order and passes
// on what can no longer change. The same code therefore decodes a whole text and a stream of
// tokens, and the joined parts of a stream equal the whole text.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  // Takes a part of a token, complete UTF-8. `ends_token` is true for its last part.
  virtual void put(std::string_view text, bool ends_token) = 0;
  // Called after the last token.
  virtual void finish() { next_->finish(); }
  void connect(DecodeStage* next) { next_ = next; }

 protected:
  void pass(std::string_view text, bool ends_token) { next_->put(text, ends_token); }

 private:
  DecodeStage* next_ = nullptr;
};

// The chain of stages for one text.
class DecodeChain {
 public:
  explicit DecodeChain(std::vector<std::unique_ptr<DecodeStage>> stages);

  void put(std::string_view token) { stages_.front()->put(token, true); }
  void finish() { stages_.front()->finish(); }
  // Returns the output since the last call: complete UTF-8.
  [[nodiscard]] std::string take();

 private:
  std::vector<std::unique_ptr<DecodeStage>> stages_;
  std::string* out_;  // of the last stage
};

// Creates decode chains.
class Decoder {
 public:
  // Default without a decoder: joins tokens with spaces.
  Decoder();
  // Reads ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence. Throws DataError
  // naming any other type.
  explicit Decoder(const JsonNode& node);

  [[nodiscard]] DecodeChain start() const;

 private:
  void read(const JsonNode& node);
  std::vector<std::function<std::unique_ptr<DecodeStage>()>> makers_;
};

}  // namespace incipit::data
