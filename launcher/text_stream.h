// Decodes tokens as they are generated, up to a stop string.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"

namespace incipit::launcher {

class TextStream {
 public:
  // `tokenizer` must outlive the stream. The text ends before the first of `stops` found in it. No
  // stop string is empty.
  TextStream(const data::Tokenizer& tokenizer, std::vector<std::string> stops)
      : decoder_(tokenizer), stops_(std::move(stops)) {}

  // Returns the text that is now final: whole UTF-8 characters that are not the beginning of a stop
  // string.
  [[nodiscard]] std::string add(TokenId id) { return take(decoder_.add(id), false); }
  // Returns the rest, after the last token.
  [[nodiscard]] std::string finish() { return take(decoder_.finish(), true); }

  // Returns whether a stop string occurred. No text follows it.
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }

 private:
  [[nodiscard]] std::string take(const std::string& text, bool is_last);

  data::StreamDecoder decoder_;
  std::vector<std::string> stops_;
  std::string pending_;
  bool is_stopped_ = false;
};

}  // namespace incipit::launcher
