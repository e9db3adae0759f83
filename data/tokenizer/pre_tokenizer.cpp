#include "data/tokenizer/pre_tokenizer.h"

#include <optional>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/limits.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/split.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

// GPT-2's word pattern (Radford et al. 2019, encoder.py).
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& piece) {
      pattern_.find_spans(piece.text, pieces.spans);
      if (invert_) {
        for (Span& span : pieces.spans) span.match = !span.match;
      }
      split_piece(piece, behavior_, pieces);
    });
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Splits where single characters match.
class CharSplit : public PreTokenizer {
 public:
  CharSplit(bool (*matches)(char32_t), SplitBehavior behavior)
      : matches_(matches), behavior_(behavior) {}
  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& piece) {
      find_spans(piece.text, pieces.spans);
      split_piece(piece, behavior_, pieces);
    });
  }

 private:
  void find_spans(std::string_view text, std::vector<Span>& spans) const {
    spans.clear();
    std::uint32_t covered = 0;
    for (std::size_t i = 0; i < text.size();) {
      const auto begin = static_cast<std::uint32_t>(i);
      if (!matches_(next_char(text, i))) continue;
      if (covered < begin) spans.push_back({covered, begin, false});
      covered = static_cast<std::uint32_t>(i);
      spans.push_back({begin, covered, true});
    }
    if (covered < text.size()) {
      spans.push_back({covered, static_cast<std::uint32_t>(text.size()), false});
    }
  }

  bool (*matches_)(char32_t);
  SplitBehavior behavior_;
};

// Splits into runs of word characters and runs of other visible characters; drops white space.
class Whitespace : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& piece) {
      std::size_t begin = 0;
      Kind run = Kind::kSpace;
      for (std::size_t i = 0; i < piece.text.size();) {
        const std::size_t at = i;
        const Kind kind = kind_of(next_char(piece.text, i));
        if (kind == run) continue;
        if (run != Kind::kSpace) pieces.add_part(piece, begin, at);
        begin = at;
        run = kind;
      }
      if (run != Kind::kSpace) pieces.add_part(piece, begin, piece.text.size());
    });
  }

 private:
  enum class Kind { kSpace, kWord, kOther };
  static Kind kind_of(char32_t code) {
    if (is_word(code)) return Kind::kWord;
    return is_white_space(code) ? Kind::kSpace : Kind::kOther;
  }
};

class ByteLevelWords : public PreTokenizer {
 public:
  ByteLevelWords(bool add_prefix_space, std::optional<Regex> words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}
  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& original) {
      Piece piece = original;
      if (add_prefix_space_ && !piece.text.starts_with(' ')) {
        char* text = pieces.arena.allocate(piece.text.size() + 1);
        text[0] = ' ';
        std::memcpy(text + 1, piece.text.data(), piece.text.size());
        piece.text = {text, piece.text.size() + 1};
        if (piece.front > 0) ++piece.front;
      }
      if (!words_) {
        pieces.add_part(piece, 0, piece.text.size());
        return;
      }
      words_->find_spans(piece.text, pieces.spans);
      for (const Span& span : pieces.spans) pieces.add_part(piece, span.begin, span.end);
    });
  }

 private:
  bool add_prefix_space_;
  std::optional<Regex> words_;
};

// Writes pieces in the byte-level alphabet, for pre-tokenizers that follow ByteLevel.
class ByteLevelAlphabet : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& piece) {
      const std::string front = to_byte_level(piece.text.substr(0, piece.front));
      const std::string_view text = pieces.arena.copy(to_byte_level(piece.text));
      pieces.next.push_back({text, static_cast<std::uint32_t>(front.size()), kNoToken});
    });
  }
};

enum class PrependScheme { kAlways, kFirst, kNever };

// Replaces spaces with a visible character, may prepend one more, and starts words at it (as
// SentencePiece does).
class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  void apply(Pieces& pieces) const override {
    pieces.transform([&](const Piece& piece) {
      const Piece visible = replace_spaces(piece, pieces);
      if (!split_) {
        pieces.add_part(visible, 0, visible.text.size());
        return;
      }
      std::size_t begin = 0;
      for (std::size_t cut = visible.text.find(replacement_); cut != std::string_view::npos;
           cut = visible.text.find(replacement_, cut + replacement_.size())) {
        pieces.add_part(visible, begin, cut);
        begin = cut;
      }
      pieces.add_part(visible, begin, visible.text.size());
    });
  }

 private:
  [[nodiscard]] Piece replace_spaces(const Piece& piece, Pieces& pieces) const {
    const bool visible_start = piece.text.starts_with(' ') || piece.text.starts_with(replacement_);
    const bool prepend = !visible_start && (scheme_ == PrependScheme::kAlways ||
                                            (scheme_ == PrependScheme::kFirst && piece.front > 0));
    std::size_t spaces = prepend ? 1 : 0;
    for (const char c : piece.text) spaces += c == ' ' ? 1 : 0;
    if (spaces == 0) return piece;
    char* const text = pieces.arena.allocate(piece.text.size() + spaces * replacement_.size());
    char* out = text;
    const auto put = [&](std::string_view part) {
      std::memcpy(out, part.data(), part.size());
      out += part.size();
    };
    std::uint32_t front = 0;
    if (prepend) put(replacement_);
    for (std::size_t i = 0; i < piece.text.size(); ++i) {
      put(piece.text[i] == ' ' ? std::string_view(replacement_) : piece.text.substr(i, 1));
      if (i + 1 == piece.front) front = static_cast<std::uint32_t>(out - text);
    }
    return {{text, static_cast<std::size_t>(out - text)}, front, kNoToken};
  }

  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
};

std::unique_ptr<PreTokenizer> read_metaspace(const JsonNode& node) {
  const JsonNode replacement = node.at("replacement");
  const std::string text = replacement.string();
  if (text.empty() || utf8_length(text[0]) != text.size()) {
    replacement.fail("expected one character, found '" + text + "'");
  }
  auto scheme =
      node.boolean("add_prefix_space", true) ? PrependScheme::kAlways : PrependScheme::kNever;
  if (const auto named = node.find("prepend_scheme")) {
    const std::string name = named->string();
    if (name != "always" && name != "first" && name != "never") {
      named->fail("expected always, first or never, found '" + name + "'");
    }
    scheme = name == "always"  ? PrependScheme::kAlways
             : name == "first" ? PrependScheme::kFirst
                               : PrependScheme::kNever;
  }
  return std::make_unique<Metaspace>(text, scheme, node.boolean("split", true));
}

void read_into(const JsonNode& node, PreTokenizers& steps) {
  const JsonNode type_node = node.at("type");
  const std::string type = type_node.string();
  if (type == "Sequence") {
    for (const JsonNode& item : node.at("pretokenizers").items()) read_into(item, steps);
    return;
  }
  require_count(node, steps.list.size() + 1, kMaxSteps);
  if (type == "ByteLevel" || type == "Metaspace") {
    require_count(node, ++steps.growing, kMaxGrowingSteps);
  }
  if (steps.byte_level) {
    steps.list.push_back(std::make_unique<ByteLevelAlphabet>());
    steps.byte_level = false;
  }
  if (type == "ByteLevel") {
    std::optional<Regex> words;
    if (node.boolean("use_regex", true)) words.emplace(kGpt2Pattern);
    steps.list.push_back(
        std::make_unique<ByteLevelWords>(node.boolean("add_prefix_space", true), std::move(words)));
    steps.byte_level = true;
  } else if (type == "Split") {
    steps.list.push_back(std::make_unique<Split>(Pattern(node.at("pattern")),
                                                 read_split_behavior(node.at("behavior")),
                                                 node.boolean("invert", false)));
  } else if (type == "Digits") {
    steps.list.push_back(std::make_unique<CharSplit>(
        &is_numeric, node.boolean("individual_digits", false) ? SplitBehavior::kIsolated
                                                              : SplitBehavior::kContiguous));
  } else if (type == "Metaspace") {
    steps.list.push_back(read_metaspace(node));
  } else if (type == "Whitespace") {
    steps.list.push_back(std::make_unique<Whitespace>());
  } else if (type == "WhitespaceSplit") {
    steps.list.push_back(std::make_unique<CharSplit>(&is_white_space, SplitBehavior::kRemoved));
  } else if (type == "Punctuation") {
    const auto behavior = node.find("behavior");
    steps.list.push_back(std::make_unique<CharSplit>(
        &is_punctuation, behavior ? read_split_behavior(*behavior) : SplitBehavior::kIsolated));
  } else {
    type_node.fail("the pre-tokenizer '" + type +
                   "' is not supported (ByteLevel, Split, Digits, Metaspace, Whitespace, "
                   "WhitespaceSplit, Punctuation and Sequence are)");
  }
}

}  // namespace

PreTokenizers read_pre_tokenizers(const JsonNode& node) {
  PreTokenizers steps;
  read_into(node, steps);
  return steps;
}

}  // namespace incipit::data
