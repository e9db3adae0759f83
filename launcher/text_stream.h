// The text of tokens as they are generated, up to a text that ends it.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"

namespace incipit::launcher {

class TextStream {
 public:
  // `tokenizer` must outlive it. The text ends before the first of `stops` in it; none is empty.
  TextStream(const data::Tokenizer& tokenizer, std::vector<std::string> stops)
      : decoder_(tokenizer), stops_(std::move(stops)) {}

  // What has become certain of the text: whole UTF-8, and no beginning of a stop.
  [[nodiscard]] std::string add(TokenId id) { return take(decoder_.add(id), false); }
  // The rest, after the last token.
  [[nodiscard]] std::string finish() { return take(decoder_.finish(), true); }

  // Whether a stop has come; nothing follows then.
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }

 private:
  [[nodiscard]] std::string take(const std::string& text, bool is_last);

  data::StreamDecoder decoder_;
  std::vector<std::string> stops_;
  std::string pending_;
  bool is_stopped_ = false;
};

}  // namespace incipit::launcher
