#include "configs/schema_text.h"

#include <array>
#include <cctype>
#include <cstdio>

#include "core/error.h"

namespace incipit::configs {
namespace {

// Returns whether other YAML readers also take the unquoted word for text.
bool is_plain_safe(const std::string& text) {
  if (text.empty() || looks_like_number(text)) return false;
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (text.size() <= 5) {
      std::string lower;
      for (const unsigned char c : text) lower += static_cast<char>(std::tolower(c));
      if (lower == word) return false;
    }
  }
  const auto first = static_cast<unsigned char>(text[0]);
  if (!std::isalpha(first) && first != '_' && first != '/') return false;
  for (const unsigned char c : text) {
    if (!std::isalnum(c) && c != '_' && c != '/' && c != '.' && c != '-') return false;
  }
  return true;
}

std::string quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\x%02x", byte);
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace

std::string yaml_text(const std::string& text) { return is_plain_safe(text) ? text : quote(text); }

std::string flow_yaml(const ConfigValue& value) {
  std::string text;
  switch (value.kind) {
    case ConfigValue::Kind::kNull:
      return "null";
    case ConfigValue::Kind::kScalar:
      return value.quoted ? yaml_text(value.scalar) : value.scalar;
    case ConfigValue::Kind::kSequence:
      for (const ConfigValue& item : value.items)
        text += (text.empty() ? "" : ", ") + flow_yaml(item);
      return text.insert(0, 1, '[').append("]");
    case ConfigValue::Kind::kMap:
      for (const ConfigPair& pair : value.pairs) {
        text += (text.empty() ? "" : ", ") + yaml_text(pair.key) + ": " + flow_yaml(pair.value);
      }
      return text.insert(0, 1, '{').append("}");
  }
  return text;
}

namespace {

void write_block(const Schema& block, const std::string& indent, std::string& text) {
  for (const Schema::Entry& entry : block.entries()) {
    if (const auto* child = std::get_if<Schema::Block>(&entry)) {
      text += indent + child->key + ":\n";
      write_block(*child->schema, indent + "  ", text);
      continue;
    }
    const auto& field = std::get<Schema::Field>(entry);
    const ConfigValue value = field.write();
    if (value.kind != ConfigValue::Kind::kNull)
      text += indent + field.key + ": " + flow_yaml(value) + "\n";
  }
}

}  // namespace

std::string value_yaml(const Schema& root, std::string_view path) {
  const std::string_view first = path.substr(0, path.find('.'));
  const Schema::Entry* const entry = root.find(first);
  const auto* child = std::get_if<Schema::Block>(entry);
  const auto* field = std::get_if<Schema::Field>(entry);
  if (child != nullptr && first != path) {
    return value_yaml(*child->schema, path.substr(first.size() + 1));
  }
  if (field != nullptr && first == path) return flow_yaml(field->write());
  throw LogicError("no key " + std::string(path));
}

namespace {

std::string escape_cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? "\\|" : std::string(1, c);
  return escaped;
}

std::string quote_code(const std::string& text) {
  std::string code = "`";
  return code.append(text).append("`");
}

void document_block(const Schema& block, const std::string& path, std::string& rows) {
  for (const Schema::Entry& entry : block.entries()) {
    if (const auto* child = std::get_if<Schema::Block>(&entry)) {
      document_block(*child->schema, path + "." + child->key, rows);
      continue;
    }
    const auto& field = std::get<Schema::Field>(entry);
    const ConfigValue value = field.write();
    std::string shown = value.kind == ConfigValue::Kind::kNull ? "" : flow_yaml(value);
    if (shown == "\"\"" || shown == "{}" || shown == "[]") shown = "";
    if (!shown.empty()) shown = quote_code(shown);
    if (field.required) shown = "required";
    rows.append("| `").append(path).append(".").append(field.key).append("` | ");
    rows += escape_cell(field.type) + " | " + escape_cell(shown) + " | ";
    rows += escape_cell(field.meaning) + " |\n";
  }
}

}  // namespace

std::string write_yaml(const Schema& root) {
  std::string text;
  write_block(root, "", text);
  return text;
}

std::string document_keys(const Schema& root) {
  std::string text;
  for (const Schema::Entry& entry : root.entries()) {
    const auto* child = std::get_if<Schema::Block>(&entry);
    if (child == nullptr) continue;
    if (!text.empty()) text += "\n";
    text.append("## ").append(child->key).append("\n\n").append(child->meaning);
    text += "\n\n| key | type | default | meaning |\n|---|---|---|---|\n";
    document_block(*child->schema, child->key, text);
  }
  return text;
}

}  // namespace incipit::configs
