#include "core/config_value.h"

#include <algorithm>
#include <cctype>

namespace incipit {

std::string ConfigValue::describe() const {
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
  if (is_number()) return "the number " + scalar;
  if (!quoted && parse_bool(scalar)) return scalar;
  constexpr std::size_t kShown = 60;
  if (scalar.size() > kShown) return "the text '" + scalar.substr(0, kShown) + "...'";
  return "the text '" + scalar + "'";
}

bool ConfigValue::is_word(std::string_view word) const {
  return kind == Kind::kScalar && scalar == word;
}

bool ConfigValue::is_number() const {
  return kind == Kind::kScalar && !quoted && looks_like_number(scalar);
}

const ConfigPair* ConfigValue::find(std::string_view key) const {
  const auto found = std::find_if(pairs.begin(), pairs.end(),
                                  [&](const ConfigPair& pair) { return pair.key == key; });
  return found == pairs.end() ? nullptr : &*found;
}

void ConfigValue::add(std::string key, ConfigValue value) {
  ConfigPair& pair = pairs.emplace_back();
  pair.key = std::move(key);
  pair.value = std::move(value);
}

ConfigValue ConfigValue::plain(std::string text) {
  ConfigValue value;
  value.kind = Kind::kScalar;
  value.scalar = std::move(text);
  return value;
}

ConfigValue ConfigValue::text(std::string text) {
  ConfigValue value = plain(std::move(text));
  value.quoted = true;
  return value;
}

ConfigValue ConfigValue::list(const std::vector<std::string>& texts) {
  ConfigValue value{.kind = Kind::kSequence, .pairs = {}};
  for (const std::string& each : texts) value.items.push_back(text(each));
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

}  // namespace incipit
