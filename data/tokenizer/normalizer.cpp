#include "data/tokenizer/normalizer.h"

#include <algorithm>

#include "data/tokenizer/limits.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::string_view kRules = "normalizer";

class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void apply(NormalizedText& text) const override {
    if (is_ascii(text.text)) return;
    std::string front = text.text.substr(0, text.front);
    normalize(form_, front, front);
    if (normalize(form_, text.text, text.text)) {
      text.front = text.front == 0 ? 0 : std::min(front.size(), text.text.size());
    }
  }

 private:
  NormalForm form_;
};

class Lowercase : public Normalizer {
 public:
  void apply(NormalizedText& text) const override {
    std::string out;
    out.reserve(text.text.size());
    std::size_t front = 0;
    for (std::size_t i = 0; i < text.text.size();) {
      append_lowercase(out, next_char(text.text, i));
      if (i <= text.front) front = out.size();
    }
    text.set(std::move(out), front);
  }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(NormalizedText& text) const override {
    if (text.text.empty()) return;
    text.text.insert(0, prefix_);
    if (text.front > 0) text.front += prefix_.size();
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void apply(NormalizedText& text) const override {
    std::vector<Span> spans;
    pattern_.find_spans(text.text, spans);
    if (spans.size() <= 1 && (spans.empty() || !spans[0].match)) return;
    std::size_t size = 0;
    for (const Span& span : spans) size += span.match ? content_.size() : span.end - span.begin;
    require_growth(kRules, size, text.most);
    std::string out;
    out.reserve(size);
    std::size_t front = 0;
    for (const Span& span : spans) {
      if (!span.match) {
        if (span.begin < text.front) {
          front = out.size() + std::min<std::size_t>(span.end, text.front) - span.begin;
        }
        out.append(text.text, span.begin, span.end - span.begin);
      } else {
        out += content_;  // counts as the last character that it replaces
        if (span.end <= text.front) front = out.size();
      }
    }
    text.set(std::move(out), front);
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(NormalizedText& text) const override {
    const std::string& old = text.text;
    std::size_t begin = 0;
    std::size_t end = old.size();
    while (left_ && begin < end) {
      std::size_t i = begin;
      if (!is_white_space(next_char(old, i))) break;
      begin = i;
    }
    while (right_ && end > begin) {
      std::size_t i = end;
      if (!is_white_space(previous_char(old, i))) break;
      end = i;
    }
    text.set(old.substr(begin, end - begin), text.front > begin ? text.front - begin : 0);
  }

 private:
  bool left_;
  bool right_;
};

void read_into(const JsonNode& node, Normalizers& list) {
  const JsonNode type_node = node.at("type");
  const std::string type = type_node.string();
  require_count(node, list.size() + 1, kMaxSteps);
  if (type == "Sequence") {
    for (const JsonNode& item : node.at("normalizers").items()) read_into(item, list);
  } else if (type == "NFC") {
    list.push_back(std::make_unique<UnicodeForm>(NormalForm::kNfc));
  } else if (type == "NFD") {
    list.push_back(std::make_unique<UnicodeForm>(NormalForm::kNfd));
  } else if (type == "NFKC") {
    list.push_back(std::make_unique<UnicodeForm>(NormalForm::kNfkc));
  } else if (type == "NFKD") {
    list.push_back(std::make_unique<UnicodeForm>(NormalForm::kNfkd));
  } else if (type == "Lowercase") {
    list.push_back(std::make_unique<Lowercase>());
  } else if (type == "Prepend") {
    list.push_back(std::make_unique<Prepend>(node.at("prepend").string()));
  } else if (type == "Replace") {
    list.push_back(
        std::make_unique<Replace>(Pattern(node.at("pattern")), node.at("content").string()));
  } else if (type == "Strip") {
    list.push_back(std::make_unique<Strip>(node.boolean("strip_left", true),
                                           node.boolean("strip_right", true)));
  } else {
    type_node.fail("the normalizer '" + type +
                   "' is not supported (NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, "
                   "Strip and Sequence are)");
  }
}

}  // namespace

void apply_all(const Normalizers& normalizers, NormalizedText& text) {
  text.most = most_bytes_after_rules(text.text.size());
  for (const auto& normalizer : normalizers) {
    normalizer->apply(text);
    require_growth(kRules, text.text.size(), text.most);
  }
}

Normalizers read_normalizers(const JsonNode& node) {
  Normalizers list;
  read_into(node, list);
  return list;
}

}  // namespace incipit::data
