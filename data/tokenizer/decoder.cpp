#include "data/tokenizer/decoder.h"

#include <utility>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/byte_token.h"
#include "data/tokenizer/limits.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

// Base of stages that need a token in one part.
class WholeTokenStage : public DecodeStage {
 public:
  void put(std::string_view text, bool ends_token) final {
    if (ends_token && waiting_.empty()) return token(text);
    waiting_ += text;
    if (!ends_token) return;
    const std::string whole = std::exchange(waiting_, {});
    token(whole);
  }

 protected:
  virtual void token(std::string_view text) = 0;

 private:
  std::string waiting_;
};

class Collect : public DecodeStage {
 public:
  void put(std::string_view text, bool) override { out += text; }
  void finish() override {}
  std::string out;
};

class JoinWithSpaces : public DecodeStage {
 public:
  void put(std::string_view text, bool ends_token) override {
    if (!first_) pass(" ", false);
    first_ = false;
    pass(text, ends_token);
  }

 private:
  bool first_ = true;
};

// Converts the byte-level alphabet to bytes. A token with characters outside the alphabet is
// unchanged. All tokens become one.
class ByteLevelStage : public WholeTokenStage {
 public:
  void finish() override {
    pass(from_utf8_lossy(bytes_), true);
    DecodeStage::finish();
  }

 protected:
  void token(std::string_view text) override {
    if (const auto bytes = from_byte_level(text)) {
      bytes_ += *bytes;
    } else {
      bytes_ += text;
    }
    std::size_t incomplete = 0;
    const std::string whole = from_utf8_lossy(bytes_, &incomplete);
    bytes_.erase(0, bytes_.size() - incomplete);
    if (!whole.empty()) pass(whole, false);
  }

 private:
  std::string bytes_;
};

// Converts runs of byte tokens to text, or to one U+FFFD per byte if they are not UTF-8. A run is
// therefore passed on only when it ends.
class ByteFallbackStage : public WholeTokenStage {
 public:
  void finish() override {
    end_run();
    DecodeStage::finish();
  }

 protected:
  void token(std::string_view text) override {
    if (const auto byte = byte_of_token(text)) {
      run_ += static_cast<char>(*byte);
      return;
    }
    end_run();
    pass(text, true);
  }

 private:
  void end_run() {
    if (run_.empty()) return;
    if (is_valid_utf8(run_)) {
      pass(run_, true);
    } else {
      for (std::size_t i = 0; i < run_.size(); ++i) pass("\uFFFD", true);
    }
    run_.clear();
  }
  std::string run_;
};

// Joins all tokens into one.
class FuseStage : public DecodeStage {
 public:
  void put(std::string_view text, bool) override { pass(text, false); }
  void finish() override {
    pass("", true);
    DecodeStage::finish();
  }
};

class ReplaceStage : public WholeTokenStage {
 public:
  ReplaceStage(std::shared_ptr<const Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

 protected:
  void token(std::string_view text) override { pass(pattern_->replace(text, content_), true); }

 private:
  std::shared_ptr<const Pattern> pattern_;
  std::string content_;
};

// Removes up to `start` leading and `stop` trailing copies of a character from each token.
class StripStage : public DecodeStage {
 public:
  StripStage(std::string content, std::size_t start, std::size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void put(std::string_view text, bool ends_token) override {
    waiting_ += text;
    while (at_start_ && cut_ < start_ && waiting_.starts_with(content_)) {
      waiting_.erase(0, content_.size());
      ++cut_;
    }
    if (!waiting_.empty()) at_start_ = false;
    for (std::size_t i = 0; ends_token && i < stop_ && waiting_.ends_with(content_); ++i) {
      waiting_.resize(waiting_.size() - content_.size());
    }
    if (ends_token || stop_ == 0) {
      pass(waiting_, ends_token);
      waiting_.clear();
    }
    if (ends_token) {
      at_start_ = true;
      cut_ = 0;
    }
  }

 private:
  std::string content_;
  std::size_t start_;
  std::size_t stop_;
  std::string waiting_;
  bool at_start_ = true;
  std::size_t cut_ = 0;
};

// Replaces the visible space with a space. In the first token it is removed, because encoding added
// it.
class MetaspaceStage : public DecodeStage {
 public:
  MetaspaceStage(std::string replacement, bool drop_first)
      : replacement_(std::move(replacement)), drop_(drop_first) {}

  void put(std::string_view text, bool ends_token) override {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text.substr(i).starts_with(replacement_)) {
        if (!drop_) out += ' ';
        i += replacement_.size();
      } else {
        out += text[i++];
      }
    }
    pass(out, ends_token);
    if (ends_token) drop_ = false;
  }

 private:
  std::string replacement_;
  bool drop_;
};

std::string one_character(const JsonNode& node) {
  std::string text = node.string();
  if (text.empty() || utf8_length(text[0]) != text.size()) {
    node.fail("expected one character, found '" + text + "'");
  }
  return text;
}

std::size_t count(const JsonNode& node) {
  const std::int64_t value = node.integer();
  if (value < 0) node.fail("expected 0 or more, found " + std::to_string(value));
  return static_cast<std::size_t>(value);
}

}  // namespace

DecodeChain::DecodeChain(std::vector<std::unique_ptr<DecodeStage>> stages)
    : stages_(std::move(stages)) {
  auto collect = std::make_unique<Collect>();
  out_ = &collect->out;
  stages_.push_back(std::move(collect));
  for (std::size_t i = 0; i + 1 < stages_.size(); ++i) stages_[i]->connect(stages_[i + 1].get());
}

std::string DecodeChain::take() { return std::exchange(*out_, {}); }

Decoder::Decoder() {
  makers_.emplace_back([] { return std::make_unique<JoinWithSpaces>(); });
}

Decoder::Decoder(const JsonNode& node) { read(node); }

void Decoder::read(const JsonNode& node) {
  const JsonNode type_node = node.at("type");
  const std::string type = type_node.string();
  require_count(node, makers_.size() + 1, kMaxSteps);
  if (type == "Sequence") {
    for (const JsonNode& item : node.at("decoders").items()) read(item);
  } else if (type == "ByteLevel") {
    makers_.emplace_back([] { return std::make_unique<ByteLevelStage>(); });
  } else if (type == "ByteFallback") {
    makers_.emplace_back([] { return std::make_unique<ByteFallbackStage>(); });
  } else if (type == "Fuse") {
    makers_.emplace_back([] { return std::make_unique<FuseStage>(); });
  } else if (type == "Replace") {
    const auto pattern = std::make_shared<const Pattern>(node.at("pattern"));
    makers_.emplace_back([pattern, content = node.at("content").string()] {
      return std::make_unique<ReplaceStage>(pattern, content);
    });
  } else if (type == "Strip") {
    makers_.emplace_back([content = one_character(node.at("content")),
                          start = count(node.at("start")), stop = count(node.at("stop"))] {
      return std::make_unique<StripStage>(content, start, stop);
    });
  } else if (type == "Metaspace") {
    const auto scheme = node.find("prepend_scheme");
    const bool never =
        scheme ? scheme->string() == "never" : !node.boolean("add_prefix_space", true);
    makers_.emplace_back([replacement = one_character(node.at("replacement")), never] {
      return std::make_unique<MetaspaceStage>(replacement, !never);
    });
  } else {
    type_node.fail("the decoder '" + type +
                   "' is not supported (ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace "
                   "and Sequence are)");
  }
}

DecodeChain Decoder::start() const {
  std::vector<std::unique_ptr<DecodeStage>> stages;
  for (const auto& make : makers_) stages.push_back(make());
  return DecodeChain(std::move(stages));
}

}  // namespace incipit::data
