#include "configs/schema.h"

#include "core/text.h"

namespace incipit::configs {
namespace {

void add_problem(Problems& problems, const YamlValue& value, const std::string& path,
                 const std::string& problem) {
  if (!problem.empty()) problems.add(value.where, path + ": " + problem);
}

std::string with_range(const std::string& type, const Range& range) {
  const std::string bounds = range.text();
  return bounds.empty() ? type : type + " " + bounds;
}

std::string any_of(const std::vector<std::string>& words) {
  if (words.size() == 1) return words[0];
  const std::vector<std::string> all_but_last(words.begin(), words.end() - 1);
  return join(all_but_last) + " or " + words.back();
}

// Returns a field whose value is one scalar that read_scalar() supports.
template <typename T, typename... Extra>
Field scalar_field(std::string key, T& target, std::string type, std::string meaning,
                   std::function<YamlValue()> write, Extra... extra) {
  return {
      .key = std::move(key),
      .type = std::move(type),
      .meaning = std::move(meaning),
      .read =
          [&target, extra...](const YamlValue& value, const std::string& path, Problems& problems) {
            add_problem(problems, value, path, read_scalar(value, target, extra...));
          },
      .write = std::move(write)};
}

void set_entry(Block::Mapping& mapping, const std::string& key, std::string text) {
  for (auto& [name, value] : mapping) {
    if (name == key) {
      value = std::move(text);
      return;
    }
  }
  mapping.emplace_back(key, std::move(text));
}

void read_mapping(const YamlValue& value, const std::string& path, Problems& problems,
                  Block::Mapping& target) {
  if (value.kind != YamlValue::Kind::kMap) {
    add_problem(problems, value, path, "expected a block of keys, found " + value.describe());
    return;
  }
  Block::Mapping mapping;
  if (value.partial) mapping = target;
  bool ok = true;
  for (const YamlPair& pair : value.pairs) {
    std::string text;
    const std::string problem = read_scalar(pair.value, text);
    add_problem(problems, pair.value, path + "." + pair.key, problem);
    ok = ok && problem.empty();
    set_entry(mapping, pair.key, std::move(text));
  }
  if (ok) target = std::move(mapping);
}

void read_texts(const YamlValue& value, const std::string& path, Problems& problems,
                Block::Texts& target) {
  if (value.kind != YamlValue::Kind::kSequence) {
    add_problem(problems, value, path, "expected a list, found " + value.describe());
    return;
  }
  Block::Texts texts;
  bool ok = true;
  for (const YamlValue& item : value.items) {
    std::string text;
    const std::string problem = read_scalar(item, text);
    add_problem(problems, item, path + "[" + std::to_string(texts.size()) + "]", problem);
    ok = ok && problem.empty();
    texts.push_back(std::move(text));
  }
  if (ok) target = std::move(texts);
}

}  // namespace

Block& Block::block(std::string key, std::string meaning) {
  entries_.emplace_back(Child{std::move(key), std::move(meaning), std::make_unique<Block>()});
  return *std::get<Child>(entries_.back()).block;
}

Field& Block::custom(Field field) {
  entries_.emplace_back(std::move(field));
  return std::get<Field>(entries_.back());
}

Field& Block::field(std::string key, bool& target, std::string meaning) {
  return custom(scalar_field(std::move(key), target, "true or false", std::move(meaning),
                             [&target] { return YamlValue::plain(target ? "true" : "false"); }));
}

Field& Block::field(std::string key, int& target, std::string meaning, Range range) {
  range.max = std::min<double>(range.max, std::numeric_limits<int>::max());
  Range shown = range;
  if (shown.max == std::numeric_limits<int>::max()) shown.max = Range().max;
  return custom(
      {.key = std::move(key),
       .type = with_range("integer", shown),
       .meaning = std::move(meaning),
       .read =
           [&target, range](const YamlValue& value, const std::string& path, Problems& problems) {
             std::int64_t number = target;
             add_problem(problems, value, path, read_scalar(value, number, range));
             target = static_cast<int>(number);
           },
       .write = [&target] { return YamlValue::plain(std::to_string(target)); }});
}

Field& Block::field(std::string key, std::int64_t& target, std::string meaning, Range range) {
  return custom(scalar_field(
      std::move(key), target, with_range("integer", range), std::move(meaning),
      [&target] { return YamlValue::plain(std::to_string(target)); }, range));
}

Field& Block::field(std::string key, std::uint64_t& target, std::string meaning, Range range) {
  range.min = std::max(range.min, 0.0);
  return custom(scalar_field(
      std::move(key), target, with_range("integer", range), std::move(meaning),
      [&target] { return YamlValue::plain(std::to_string(target)); }, range));
}

Field& Block::field(std::string key, double& target, std::string meaning, Range range) {
  return custom(scalar_field(
      std::move(key), target, with_range("number", range), std::move(meaning),
      [&target] { return YamlValue::plain(number_text(target)); }, range));
}

Field& Block::field(std::string key, std::string& target, std::string meaning) {
  return custom(scalar_field(std::move(key), target, "text", std::move(meaning),
                             [&target] { return YamlValue::text(target); }));
}

Field& Block::field(std::string key, std::optional<std::string>& target, std::string meaning) {
  return custom(
      {.key = std::move(key),
       .type = "text",
       .meaning = std::move(meaning),
       .read =
           [&target](const YamlValue& value, const std::string& path, Problems& problems) {
             std::string text;
             const std::string problem = read_scalar(value, text);
             add_problem(problems, value, path, problem);
             if (problem.empty()) target = std::move(text);
           },
       .write = [&target] { return target ? YamlValue::text(*target) : YamlValue(); }});
}

Field& Block::field(std::string key, Texts& target, std::string meaning) {
  return custom(
      {.key = std::move(key),
       .type = "list of texts",
       .meaning = std::move(meaning),
       .read = [&target](const YamlValue& value, const std::string& path,
                         Problems& problems) { read_texts(value, path, problems, target); },
       .write =
           [&target] {
             YamlValue list{.kind = YamlValue::Kind::kSequence};
             for (const auto& text : target) list.items.push_back(YamlValue::text(text));
             return list;
           }});
}

Field& Block::field(std::string key, Mapping& target, std::string meaning) {
  return custom(
      {.key = std::move(key),
       .type = "text by key",
       .meaning = std::move(meaning),
       .read = [&target](const YamlValue& value, const std::string& path,
                         Problems& problems) { read_mapping(value, path, problems, target); },
       .write =
           [&target] {
             YamlValue map{.kind = YamlValue::Kind::kMap};
             for (const auto& [name, text] : target) {
               map.add(name, YamlValue::text(text));
             }
             return map;
           }});
}

Field& Block::loose_text(std::string key, std::string& target, std::string type,
                         std::string meaning) {
  return custom(
      {.key = std::move(key),
       .type = std::move(type),
       .meaning = std::move(meaning),
       .read =
           [&target](const YamlValue& value, const std::string& path, Problems& problems) {
             if (value.kind == YamlValue::Kind::kScalar && !value.quoted &&
                 looks_like_number(value.scalar)) {
               target = value.scalar;
               return;
             }
             add_problem(problems, value, path, read_scalar(value, target));
           },
       .write =
           [&target] {
             return looks_like_number(target) ? YamlValue::plain(target) : YamlValue::text(target);
           }});
}

Field& Block::integer_or(std::string key, int& target, const Names<int>& words, std::string meaning,
                         Range range) {
  range.max = std::min<double>(range.max, std::numeric_limits<int>::max());
  const std::string least = range.min > 0 ? " >= " + number_text(range.min) : "";
  std::vector<std::string> texts;
  for (const auto& [word, stand_in] : words) texts.push_back(word);
  return custom({.key = std::move(key),
                 .type = join(texts) + " or integer" + least,
                 .meaning = std::move(meaning),
                 .read =
                     [&target, words, texts, range](const YamlValue& value, const std::string& path,
                                                    Problems& problems) {
                       for (const auto& [word, stand_in] : words) {
                         if (value.kind != YamlValue::Kind::kScalar || value.scalar != word)
                           continue;
                         target = stand_in;
                         return;
                       }
                       std::int64_t number = target;
                       const std::string problem = read_scalar(value, number, range);
                       add_problem(
                           problems, value, path,
                           problem.empty() ? "" : problem + " (or write " + any_of(texts) + ")");
                       target = static_cast<int>(number);
                     },
                 .write =
                     [&target, words] {
                       for (const auto& [word, stand_in] : words) {
                         if (target == stand_in) return YamlValue::plain(word);
                       }
                       return YamlValue::plain(std::to_string(target));
                     }});
}

Field& Block::choice_of(std::string key, std::vector<std::string> words, std::string meaning,
                        std::function<void(std::size_t)> set, std::function<std::size_t()> get) {
  return custom(
      {.key = std::move(key),
       .type = any_of(words),
       .meaning = std::move(meaning),
       .read =
           [words, set = std::move(set)](const YamlValue& value, const std::string& path,
                                         Problems& problems) {
             for (std::size_t i = 0; i < words.size(); ++i) {
               if (value.kind == YamlValue::Kind::kScalar && value.scalar == words[i]) {
                 set(i);
                 return;
               }
             }
             const std::string hint = value.kind == YamlValue::Kind::kScalar
                                          ? did_you_mean(value.scalar, words)
                                          : std::string();
             add_problem(problems, value, path,
                         "expected " + any_of(words) + ", found " + value.describe() + hint);
           },
       .write = [words, get = std::move(get)] { return YamlValue::plain(words[get()]); }});
}

std::vector<std::string> Block::keys() const {
  std::vector<std::string> keys;
  for (const Entry& entry : entries_) {
    keys.push_back(std::visit([](const auto& each) { return each.key; }, entry));
  }
  return keys;
}

}  // namespace incipit::configs
