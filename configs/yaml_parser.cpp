#include "configs/yaml_parser.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/json.h"

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

std::size_t count_values(const ConfigValue& value) {
  std::size_t count = 1;
  for (const ConfigValue& item : value.items) count += count_values(item);
  for (const ConfigPair& pair : value.pairs) count += count_values(pair.value);
  return count;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::string& source, bool with_lines, Problems& problems)
      : text_(text), source_(source), with_lines_(with_lines), problems_(problems) {}

  [[nodiscard]] ConfigValue take() { return std::move(root_); }
  [[nodiscard]] Location at(const YAML::Mark& mark) const {
    if (!with_lines_) return {source_, 0, 0};
    return {source_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({.where = at(mark), .pairs = {}}, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    if (tag == "!" && !quotes_close(text_, mark.line, mark.column)) {
      problems_.add(at(mark), "not valid YAML: the quotes that open here are never closed");
    }
    add({.kind = ConfigValue::Kind::kScalar,
         .where = at(mark),
         .scalar = text,
         .quoted = tag != "?",
         .pairs = {}},
        anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      problems_.add(at(mark), "an alias stands inside the value that it names");
      add({.where = at(mark), .pairs = {}}, YAML::NullAnchor);
      return;
    }
    values_ += count_values(known->second);
    add(known->second, YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back(
        {{.kind = ConfigValue::Kind::kSequence, .where = at(mark), .pairs = {}}, anchor, {}, {}});
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back(
        {{.kind = ConfigValue::Kind::kMap, .where = at(mark), .pairs = {}}, anchor, {}, {}});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    ConfigValue value;
    YAML::anchor_t anchor;
    std::optional<ConfigValue> key;  // of a map: read, its value still to come
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

  void add(ConfigValue value, YAML::anchor_t anchor) {
    if (++values_ > kMostValues) {
      problems_.add(value.where, "the document is too large (aliases of aliases?)");
      throw StopParsing();
    }
    if (anchor != YAML::NullAnchor) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.kind == ConfigValue::Kind::kSequence) {
      open_.back().value.items.push_back(std::move(value));
    } else if (!open_.back().key) {
      open_.back().key = std::move(value);
    } else {
      const ConfigValue key = std::move(*open_.back().key);
      open_.back().key.reset();
      add_pair(open_.back().value, key, std::move(value));
    }
  }

  void add_pair(ConfigValue& map, const ConfigValue& key, ConfigValue value) {
    if (key.kind != ConfigValue::Kind::kScalar) {
      problems_.add(key.where, "a key must be text, found " + key.describe());
      return;
    }
    if (key.scalar == "<<" && !key.quoted) {
      problems_.add(key.where, "merge keys (<<) are not used here: write the keys out");
      return;
    }
    if (const ConfigPair* first = map.find(key.scalar)) {
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
  ConfigValue root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, ConfigValue> anchors_;
  std::size_t values_ = 0;
};

}  // namespace

namespace {

bool is_utf8(std::string_view line) {
  try {
    (void)dump_json(nlohmann::json(line));
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

// Adds a mistake and stops if a line is not UTF-8. A byte order mark says that a text is UTF-16 or
// UTF-32, which yaml-cpp reads.
void require_utf8(std::string_view text, const std::string& source, bool with_lines,
                  Problems& problems) {
  using namespace std::string_view_literals;
  for (const std::string_view mark : {"\xFF\xFE"sv, "\xFE\xFF"sv, "\0\0\xFE\xFF"sv}) {
    if (text.starts_with(mark)) return;
  }
  for (std::size_t begin = 0, number = 1; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (!is_utf8(text.substr(begin, end - begin))) {
      problems.add({source, with_lines ? static_cast<int>(number) : 0, with_lines ? 1 : 0},
                   "the line is not UTF-8; convert the text to UTF-8");
      problems.throw_if_any();
    }
    begin = end + 1;
  }
}

}  // namespace

ConfigValue parse_yaml(std::string_view text, const std::string& source, Problems& problems,
                       bool with_lines) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  require_utf8(text, source, with_lines, problems);
  TreeBuilder builder(text, source, with_lines, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    TreeBuilder second("", "", false, problems);
    ConfigValue first = builder.take();
    if (parser.HandleNextDocument(second)) {
      problems.add({source, 0, 0}, "holds several YAML documents (---): give one");
    }
    if (first.kind == ConfigValue::Kind::kNull && first.where.source.empty()) {
      first.kind = ConfigValue::Kind::kMap;
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
