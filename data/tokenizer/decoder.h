// The "decoder" of tokenizer.json: tokens back to text, one token at a time.
//
// A decoder is a chain of stages. Each is given the parts of every token in order and
// passes on what can no longer change, so that a whole text and a stream of tokens are
// decoded by the same code, and a stream's parts joined are the whole text.
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
  // A part of a token, whole UTF-8; `ends_token` with its last part.
  virtual void put(std::string_view text, bool ends_token) = 0;
  // After the last token.
  virtual void finish() { next_->finish(); }
  void connect(DecodeStage* next) { next_ = next; }

 protected:
  void pass(std::string_view text, bool ends_token) { next_->put(text, ends_token); }

 private:
  DecodeStage* next_ = nullptr;
};

// The stages of one text.
class DecodeChain {
 public:
  explicit DecodeChain(std::vector<std::unique_ptr<DecodeStage>> stages);

  void put(std::string_view token) { stages_.front()->put(token, true); }
  void finish() { stages_.front()->finish(); }
  // What has come out since the last call: whole UTF-8.
  [[nodiscard]] std::string take();

 private:
  std::vector<std::unique_ptr<DecodeStage>> stages_;
  std::string* out_;  // of the last stage
};

// How to make a chain.
class Decoder {
 public:
  // Without a decoder, tokens are joined by spaces.
  Decoder();
  // ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence. Throws DataError
  // on any other type, by its name.
  explicit Decoder(const JsonNode& node);

  [[nodiscard]] DecodeChain start() const;

 private:
  void read(const JsonNode& node);
  std::vector<std::function<std::unique_ptr<DecodeStage>()>> makers_;
};

}  // namespace incipit::data
