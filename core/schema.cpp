#include "core/schema.h"

#include <algorithm>
#include <concepts>

#include "core/check.h"
#include "core/text.h"

namespace incipit {
namespace {

using Field = Schema::Field;

const std::string& key_of(const Schema::Entry& entry) {
  return std::visit([](const auto& each) -> const std::string& { return each.key; }, entry);
}

ConfigValue as_value(bool value) { return ConfigValue::plain(value ? "true" : "false"); }
ConfigValue as_value(std::integral auto value) { return ConfigValue::plain(std::to_string(value)); }
ConfigValue as_value(double value) { return ConfigValue::plain(number_text(value)); }
ConfigValue as_value(const std::string& value) { return ConfigValue::text(value); }

// Returns a field whose value is one scalar that read_scalar() supports.
template <typename T, typename... Limits>
Field scalar_field(std::string key, T& target, std::string type, std::string meaning,
                   Limits... limits) {
  return {.key = std::move(key),
          .type = std::move(type),
          .meaning = std::move(meaning),
          .read = [&target, limits...](const GivenValue& given) { given.read(target, limits...); },
          .write = [&target] { return as_value(target); }};
}

std::string any_of(const Schema::Texts& words) {
  if (words.size() == 1) return words[0];
  const Schema::Texts all_but_last(words.begin(), words.end() - 1);
  return join(all_but_last) + " or " + words.back();
}

void read_texts(const GivenValue& given, Schema::Texts& target) {
  if (given.value().kind != ConfigValue::Kind::kSequence) return given.expect("a list");
  Schema::Texts texts;
  bool ok = true;
  for (const ConfigValue& item : given.value().items) {
    const std::string suffix = "[" + std::to_string(texts.size()) + "]";
    ok = given.part(item, suffix).read(texts.emplace_back()) && ok;
  }
  if (ok) target = std::move(texts);
}

void set_entry(Schema::Mapping& mapping, const std::string& key, const std::string& text) {
  const auto found = std::find_if(mapping.begin(), mapping.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found == mapping.end()) {
    mapping.emplace_back(key, text);
  } else {
    found->second = text;
  }
}

// Adds the entries of `given` to `mapping`. Returns whether all of them are text.
bool read_entries(const GivenValue& given, Schema::Mapping& mapping) {
  bool ok = true;
  for (const auto& [key, where, value] : given.value().pairs) {
    std::string text;
    ok = given.part(value, "." + key).read(text) && ok;
    set_entry(mapping, key, text);
  }
  return ok;
}

}  // namespace

Schema& Schema::block(std::string key, std::string meaning) {
  Entry& added = add(Block{std::move(key), std::move(meaning), std::make_unique<Schema>()});
  return *std::get<Block>(added).schema;
}

Field& Schema::custom(Field field) { return std::get<Field>(add(std::move(field))); }

Field& Schema::field(std::string key, bool& target, std::string meaning) {
  return custom(scalar_field(std::move(key), target, "true or false", std::move(meaning)));
}

Field& Schema::field(std::string key, int& target, std::string meaning, Bounds bounds) {
  return custom(
      scalar_field(std::move(key), target, bounds.describe("integer"), std::move(meaning), bounds));
}

Field& Schema::field(std::string key, std::int64_t& target, std::string meaning, Bounds bounds) {
  return custom(
      scalar_field(std::move(key), target, bounds.describe("integer"), std::move(meaning), bounds));
}

Field& Schema::field(std::string key, std::uint64_t& target, std::string meaning, Bounds bounds) {
  bounds.min = std::max(bounds.min, 0.0);
  return custom(
      scalar_field(std::move(key), target, bounds.describe("integer"), std::move(meaning), bounds));
}

Field& Schema::field(std::string key, double& target, std::string meaning, Bounds bounds) {
  return custom(
      scalar_field(std::move(key), target, bounds.describe("number"), std::move(meaning), bounds));
}

Field& Schema::field(std::string key, std::string& target, std::string meaning) {
  return custom(scalar_field(std::move(key), target, "text", std::move(meaning)));
}

Field& Schema::field(std::string key, std::optional<std::string>& target, std::string meaning) {
  return custom({.key = std::move(key),
                 .type = "text",
                 .meaning = std::move(meaning),
                 .read =
                     [&target](const GivenValue& given) {
                       std::string text;
                       if (given.read(text)) target = std::move(text);
                     },
                 .write = [&target] { return target ? as_value(*target) : ConfigValue(); }});
}

Field& Schema::field(std::string key, Texts& target, std::string meaning) {
  return custom({.key = std::move(key),
                 .type = "list of texts",
                 .meaning = std::move(meaning),
                 .read = [&target](const GivenValue& given) { read_texts(given, target); },
                 .write = [&target] { return ConfigValue::list(target); }});
}

Field& Schema::mapping_of(std::string key, MappingForm form, std::string meaning,
                          std::function<Mapping()> get, std::function<void(const Mapping&)> set) {
  return custom({.key = std::move(key),
                 .type = form.type,
                 .meaning = std::move(meaning),
                 .read =
                     [form, get, set = std::move(set)](const GivenValue& given) {
                       const ConfigValue& value = given.value();
                       if (value.kind != ConfigValue::Kind::kMap) {
                         return given.expect(form.expected);
                       }
                       Mapping mapping;
                       if (value.partial && form.keeps_others) mapping = get();
                       if (read_entries(given, mapping)) set(mapping);
                     },
                 .write =
                     [get] {
                       ConfigValue map{.kind = ConfigValue::Kind::kMap, .pairs = {}};
                       for (const auto& [name, text] : get()) map.add(name, as_value(text));
                       return map;
                     }});
}

Field& Schema::loose_text(std::string key, std::string& target, std::string type,
                          std::string meaning) {
  return custom({.key = std::move(key),
                 .type = std::move(type),
                 .meaning = std::move(meaning),
                 .read =
                     [&target](const GivenValue& given) {
                       if (given.value().is_number()) {
                         target = given.value().scalar;
                       } else {
                         given.read(target);
                       }
                     },
                 .write =
                     [&target] {
                       return looks_like_number(target) ? ConfigValue::plain(target)
                                                        : as_value(target);
                     }});
}

Field& Schema::integer_or(std::string key, int& target, const Names<int>& words,
                          std::string meaning, Bounds bounds) {
  const std::string least = bounds.min > 0 ? " >= " + number_text(bounds.min) : "";
  Texts texts;
  for (const auto& [word, number] : words) texts.push_back(word);
  const auto read = [&target, words, texts, bounds](const GivenValue& given) {
    for (const auto& [word, number] : words) {
      if (!given.value().is_word(word)) continue;
      target = number;
      return;
    }
    const std::string problem = read_scalar(given.value(), target, bounds);
    if (!problem.empty()) given.refuse(problem + " (or write " + any_of(texts) + ")");
  };
  const auto write = [&target, words] {
    for (const auto& [word, number] : words) {
      if (target == number) return ConfigValue::plain(word);
    }
    return as_value(target);
  };
  return custom({.key = std::move(key),
                 .type = join(texts) + " or integer" + least,
                 .meaning = std::move(meaning),
                 .read = read,
                 .write = write});
}

Field& Schema::word(std::string key, std::string& target, const Texts& words, std::string meaning) {
  Names<std::string> names;
  for (const std::string& each : words) names.emplace_back(each, each);
  return choice(std::move(key), target, std::move(names), std::move(meaning));
}

Field& Schema::choice_of(std::string key, Texts words, std::string meaning,
                         std::function<std::size_t()> get, std::function<void(std::size_t)> set) {
  const auto read = [words, set = std::move(set)](const GivenValue& given) {
    const ConfigValue& value = given.value();
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (value.is_word(words[i])) return set(i);
    }
    const bool scalar = value.kind == ConfigValue::Kind::kScalar;
    given.refuse("expected " + any_of(words) + ", found " + value.describe() +
                 (scalar ? did_you_mean(value.scalar, words) : std::string()));
  };
  return custom(
      {.key = std::move(key),
       .type = any_of(words),
       .meaning = std::move(meaning),
       .read = read,
       .write = [words, get = std::move(get)] { return ConfigValue::plain(words[get()]); }});
}

std::vector<std::string> Schema::keys() const {
  std::vector<std::string> keys;
  for (const Entry& entry : entries_) keys.push_back(key_of(entry));
  return keys;
}

const Schema::Entry* Schema::find(std::string_view key) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return key_of(entry) == key; });
  return found == entries_.end() ? nullptr : &*found;
}

Schema::Entry& Schema::add(Entry entry) {
  INCIPIT_CHECK(find(key_of(entry)) == nullptr, "two declarations of ", key_of(entry));
  return entries_.emplace_back(std::move(entry));
}

}  // namespace incipit
