#include "configs/yaml_value.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

namespace incipit::configs {
namespace {

// Aliases are copied in place; this limits how much a few lines can expand.
constexpr std::size_t kMostValues = 100'000;

// Thrown to stop the parser when a document grows too large.
struct StopParsing {};

// Returns whether the quotes that open at line and column (from 0) are closed. Needed because
// yaml-cpp 0.7 accepts the end of the document as the end of a quoted text.
bool quotes_close(std::string_view text, int line, int column) {
  std::size_t at = 0;
  for (; line > 0; --line) at = text.find('\n', at) + 1;
  at += static_cast<std::size_t>(column);
  if (at >= text.size()) return true;
  const char quote = text[at];
  if (quote != '"' && quote != '\'') return true;  // a block scalar
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 == text.size() || text[at + 1] != quote) return true;
      ++at;
    }
  }
  return false;
}

std::size_t count_values(const YamlValue& value) {
  std::size_t count = 1;
  for (const YamlValue& item : value.items) count += count_values(item);
  for (const YamlPair& pair : value.pairs) count += count_values(pair.value);
  return count;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::string& source, bool with_lines, Problems& problems)
      : text_(text), source_(source), with_lines_(with_lines), problems_(problems) {}

  [[nodiscard]] YamlValue take() { return std::move(root_); }
  [[nodiscard]] Location at(const YAML::Mark& mark) const {
    if (!with_lines_) return {source_, 0, 0};
    return {source_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({.where = at(mark)}, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    if (tag == "!" && !quotes_close(text_, mark.line, mark.column)) {
      problems_.add(at(mark), "not valid YAML: the quotes that open here are never closed");
    }
    add({.kind = YamlValue::Kind::kScalar, .where = at(mark), .scalar = text, .quoted = tag != "?"},
        anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      problems_.add(at(mark), "an alias stands inside the value that it names");
      add({.where = at(mark)}, YAML::NullAnchor);
      return;
    }
    values_ += count_values(known->second);
    add(known->second, YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({{.kind = YamlValue::Kind::kSequence, .where = at(mark)}, anchor, {}, {}});
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({{.kind = YamlValue::Kind::kMap, .where = at(mark)}, anchor, {}, {}});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlValue value;
    YAML::anchor_t anchor;
    std::optional<YamlValue> key;  // of a map: read, its value still to come
    std::vector<std::string> duplicates;
  };

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    problems_.add(at(mark), "YAML tags (" + tag + ") are not used here: leave it out");
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.value), closed.anchor);
  }

  void add(YamlValue value, YAML::anchor_t anchor) {
    if (++values_ > kMostValues) {
      problems_.add(value.where, "the document is too large (aliases of aliases?)");
      throw StopParsing();
    }
    if (anchor != YAML::NullAnchor) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.kind == YamlValue::Kind::kSequence) {
      open_.back().value.items.push_back(std::move(value));
    } else if (!open_.back().key) {
      open_.back().key = std::move(value);
    } else {
      const YamlValue key = std::move(*open_.back().key);
      open_.back().key.reset();
      add_pair(open_.back().value, key, std::move(value));
    }
  }

  void add_pair(YamlValue& map, const YamlValue& key, YamlValue value) {
    if (key.kind != YamlValue::Kind::kScalar) {
      problems_.add(key.where, "a key must be text, found " + key.describe());
      return;
    }
    if (key.scalar == "<<" && !key.quoted) {
      problems_.add(key.where, "merge keys (<<) are not used here: write the keys out");
      return;
    }
    if (const YamlPair* first = map.find(key.scalar)) {
      std::string message = "duplicate key '" + key.scalar + "'";
      if (first->key_where.line > 0) {
        message += ", first on line " + std::to_string(first->key_where.line);
      }
      problems_.add(key.where, message);
      return;
    }
    map.pairs.push_back({key.scalar, key.where, std::move(value)});
  }

  std::string_view text_;
  std::string source_;
  bool with_lines_;
  Problems& problems_;
  YamlValue root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlValue> anchors_;
  std::size_t values_ = 0;
};

}  // namespace

std::string YamlValue::describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a block of keys";
    case Kind::kScalar:
      break;
  }
  if (!quoted && looks_like_number(scalar)) return "the number " + scalar;
  if (!quoted && parse_bool(scalar)) return scalar;
  constexpr std::size_t kShown = 60;
  if (scalar.size() > kShown) return "the text '" + scalar.substr(0, kShown) + "...'";
  return "the text '" + scalar + "'";
}

const YamlPair* YamlValue::find(std::string_view key) const {
  const auto found = std::find_if(pairs.begin(), pairs.end(),
                                  [&](const YamlPair& pair) { return pair.key == key; });
  return found == pairs.end() ? nullptr : &*found;
}

void YamlValue::add(std::string key, YamlValue value) {
  YamlPair& pair = pairs.emplace_back();
  pair.key = std::move(key);
  pair.value = std::move(value);
}

YamlValue YamlValue::plain(std::string text) {
  YamlValue value;
  value.kind = Kind::kScalar;
  value.scalar = std::move(text);
  return value;
}

YamlValue YamlValue::text(std::string text) {
  YamlValue value = plain(std::move(text));
  value.quoted = true;
  return value;
}

std::optional<bool> parse_bool(std::string_view plain) {
  if (plain == "true") return true;
  if (plain == "false") return false;
  return std::nullopt;
}

bool looks_like_integer(std::string_view plain) {
  if (plain.starts_with('-')) plain.remove_prefix(1);
  if (plain.empty() || (plain.size() > 1 && plain[0] == '0')) return false;
  return std::all_of(plain.begin(), plain.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool looks_like_number(std::string_view plain) {
  const auto digits = [&plain] {
    std::size_t count = 0;
    while (count < plain.size() && std::isdigit(static_cast<unsigned char>(plain[count]))) ++count;
    plain.remove_prefix(count);
    return count;
  };
  if (looks_like_integer(plain)) return true;
  if (plain.starts_with('-')) plain.remove_prefix(1);
  if (plain.size() > 1 && plain[0] == '0' && std::isdigit(static_cast<unsigned char>(plain[1]))) {
    return false;
  }
  if (digits() == 0) return false;
  if (plain.starts_with('.')) {
    plain.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (plain.starts_with('e') || plain.starts_with('E')) {
    plain.remove_prefix(1);
    if (plain.starts_with('-') || plain.starts_with('+')) plain.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return plain.empty();
}

YamlValue parse_yaml(std::string_view text, const std::string& source, Problems& problems,
                     bool with_lines) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  TreeBuilder builder(text, source, with_lines, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    TreeBuilder second("", "", false, problems);
    YamlValue first = builder.take();
    if (parser.HandleNextDocument(second)) {
      problems.add({source, 0, 0}, "holds several YAML documents (---): give one");
    }
    if (first.kind == YamlValue::Kind::kNull && first.where.source.empty()) {
      first.kind = YamlValue::Kind::kMap;
      first.where = {source, with_lines ? 1 : 0, with_lines ? 1 : 0};
    }
    return first;
  } catch (const YAML::Exception& error) {
    problems.add(builder.at(error.mark), "not valid YAML: " + error.msg);
  } catch (const StopParsing&) {
  }
  problems.throw_if_any();
  return {};
}

}  // namespace incipit::configs
