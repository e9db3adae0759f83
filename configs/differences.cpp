#include "configs/differences.h"

#include <map>
#include <set>

#include "configs/schema_text.h"
#include "configs/yaml_parser.h"

namespace incipit::configs {
namespace {

using Values = std::map<std::string, std::string>;  // per key

void flatten(const ConfigValue& value, const std::string& path, Values& values) {
  if (value.kind != ConfigValue::Kind::kMap || value.pairs.empty()) {
    values[path] = flow_yaml(value);
    return;
  }
  for (const ConfigPair& pair : value.pairs) {
    flatten(pair.value, path.empty() ? pair.key : path + "." + pair.key, values);
  }
}

Values values_of(const RunConfig& config) {
  Problems none;
  Values values;
  flatten(parse_yaml(resolved_yaml(config), "resolved configuration", none), "", values);
  return values;
}

}  // namespace

std::vector<Difference> differences(const RunConfig& before, const RunConfig& now) {
  Values old_values = values_of(before);
  Values new_values = values_of(now);
  std::set<std::string> keys;
  for (const auto& [key, value] : old_values) keys.insert(key);
  for (const auto& [key, value] : new_values) keys.insert(key);
  std::vector<Difference> found;
  for (const std::string& key : keys) {
    if (old_values[key] != new_values[key]) {
      found.push_back({key, old_values[key], new_values[key]});
    }
  }
  return found;
}

std::vector<std::string> keys_of(const RunConfig& config) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values_of(config)) keys.push_back(key);
  return keys;
}

}  // namespace incipit::configs
