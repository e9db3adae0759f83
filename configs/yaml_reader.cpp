#include "configs/yaml_reader.h"

#include <algorithm>

#include "configs/yaml_parser.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

std::string under_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

// Returns the path of the block that `path` is in; "" at the top.
std::string parent(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

const Schema& block_at(const Schema& root, const std::string& path) {
  const Schema* block = &root;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t dot = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, dot - begin);
    if (const auto* child = std::get_if<Schema::Block>(block->find(key))) {
      block = child->schema.get();
    }
    begin = dot + 1;
  }
  return *block;
}

// Collects the paths of all entries named `key` below `block`.
void find_paths(const Schema& block, const std::string& path, const std::string& key,
                std::vector<std::string>& found) {
  for (const Schema::Entry& entry : block.entries()) {
    const std::string& name =
        std::visit([](const auto& each) -> const std::string& { return each.key; }, entry);
    if (name == key) found.push_back(under_path(path, name));
    if (const auto* child = std::get_if<Schema::Block>(&entry)) {
      find_paths(*child->schema, under_path(path, name), key, found);
    }
  }
}

}  // namespace

ConfigValue YamlReader::parse_file(const std::filesystem::path& path) {
  std::error_code ignored;  // reading says why the path cannot be looked at
  if (std::filesystem::is_directory(path, ignored)) {
    throw ConfigError(path.string() + ": this is a folder; expected a YAML file" +
                      (std::filesystem::exists(path / "config.yaml")
                           ? ", like " + (path / "config.yaml").string()
                           : std::string{}));
  }
  std::string text;
  try {
    text = read_text(path, kMaxYamlBytes);
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
  return parse_text(text, path.string());
}

ConfigValue YamlReader::parse_text(std::string_view text, const std::string& source) {
  return parse_yaml(text, source, problems_);
}

ConfigValue YamlReader::parse_override(const std::string& assignment) {
  const std::string source = "--set " + assignment;
  const Location where{source, 0, 0};
  ConfigValue document{.kind = ConfigValue::Kind::kMap, .where = where, .pairs = {}};
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    problems_.add(where, "expected KEY=VALUE, like train.steps=50");
    return document;
  }
  const std::string text = assignment.substr(equals + 1);
  ConfigValue value{.where = where, .pairs = {}};
  if (!text.empty()) value = parse_yaml(text, source, problems_, false);
  value.where = where;
  const std::string path = assignment.substr(0, equals);
  for (std::size_t end = path.size();;) {
    const std::size_t dot = end == 0 ? std::string::npos : path.rfind('.', end - 1);
    const std::size_t begin = dot == std::string::npos ? 0 : dot + 1;
    ConfigValue map{.kind = ConfigValue::Kind::kMap, .where = where, .pairs = {}, .partial = true};
    map.pairs.push_back({path.substr(begin, end - begin), where, std::move(value)});
    value = std::move(map);
    if (dot == std::string::npos) return value;
    end = dot;
  }
}

void YamlReader::apply(const ConfigValue& document, const std::string& under) {
  if (!origins_.contains("")) origins_[""] = {document.where.source, 0, 0};
  if (document.kind != ConfigValue::Kind::kMap) {
    problems_.add(document.where, "expected keys with values, found " + document.describe());
    return;
  }
  apply_block(block_at(root_, under), document, under);
}

void YamlReader::apply_block(const Schema& block, const ConfigValue& map, const std::string& path) {
  for (const ConfigPair& pair : map.pairs) {
    const Schema::Entry* const entry = block.find(pair.key);
    const std::string here = under_path(path, pair.key);
    if (entry == nullptr) {
      report_unknown(block, pair, path);
      continue;
    }
    origins_[here] = pair.key_where;
    if (const auto* field = std::get_if<Schema::Field>(entry)) {
      field->read({pair.value, here, problems_});
    } else if (pair.value.kind != ConfigValue::Kind::kMap) {
      problems_.add(pair.value.where,
                    here + ": expected a block of keys, found " + pair.value.describe());
    } else {
      apply_block(*std::get<Schema::Block>(*entry).schema, pair.value, here);
    }
  }
}

void YamlReader::report_unknown(const Schema& block, const ConfigPair& pair,
                                const std::string& path) {
  const std::vector<std::string> keys = block.keys();
  std::string hint;
  if (const auto near = nearest(pair.key, keys)) {
    hint = "; did you mean '" + *near + "'?";
    suggested_.insert(under_path(path, *near));
  } else {
    std::vector<std::string> elsewhere;
    find_paths(root_, "", pair.key, elsewhere);
    hint = elsewhere.empty() ? "; known here: " + join(keys)
                             : "; did you mean '" + join(elsewhere, "' or '") + "'?";
    suggested_.insert(elsewhere.begin(), elsewhere.end());
  }
  problems_.add(pair.key_where, "unknown key '" + under_path(path, pair.key) + "'" + hint);
}

bool YamlReader::may_be_misspelt(const std::string& path) const {
  for (std::string block = path; !block.empty() && !was_given(block); block = parent(block)) {
    if (suggested_.contains(block)) return true;
  }
  return false;
}

void YamlReader::report(const std::string& path, const std::string& message) {
  if (may_be_misspelt(path)) return;
  std::string known = path;
  while (!known.empty() && !origins_.contains(known)) known = parent(known);
  const auto origin = origins_.find(known);
  problems_.add(origin == origins_.end() ? Location{"configuration", 0, 0} : origin->second,
                path + ": " + message);
}

void YamlReader::check_required(const Schema& block, const std::string& path) {
  for (const Schema::Entry& entry : block.entries()) {
    if (const auto* child = std::get_if<Schema::Block>(&entry)) {
      check_required(*child->schema, under_path(path, child->key));
    } else if (const auto& field = std::get<Schema::Field>(entry);
               field.required && !was_given(under_path(path, field.key))) {
      report(under_path(path, field.key), "missing; expected " + field.type);
    }
  }
}

void YamlReader::finish() {
  check_required(root_, "");
  problems_.throw_if_any();
}

}  // namespace incipit::configs
