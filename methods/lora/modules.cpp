#include "methods/lora/modules.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "core/text.h"

namespace incipit::lora {
namespace {

// Appends a map, unless a part of the same module is there already.
void append(std::vector<Module>& modules, const model::LinearSpec& map, std::int64_t outputs,
            std::int64_t inputs) {
  const bool known = std::any_of(modules.begin(), modules.end(),
                                 [&](const Module& module) { return module.name == map.name; });
  if (known) return;
  modules.push_back({.name = map.name,
                     .outputs = map.stored_outputs > 0 ? map.stored_outputs : outputs,
                     .inputs = inputs,
                     .transposed = map.transposed});
}

// Returns "q_proj" of "model.layers.0.self_attn.q_proj".
std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void append_unique(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

bool is_named(const Module& module, const std::string& target) {
  return module.name == target || module.name.ends_with("." + target);
}

std::vector<std::string> last_parts(const std::vector<Module>& modules) {
  std::vector<std::string> names;
  for (const Module& module : modules) append_unique(names, last_part(module.name));
  return names;
}

}  // namespace

std::vector<Module> modules_of(const model::ModelSpec& spec) {
  std::vector<Module> all;
  const std::int64_t hidden = spec.hidden_size;
  for (const model::LayerSpec& layer : spec.layers) {
    const model::AttentionSpec& own = layer.attention;
    std::vector<Module> modules;  // names differ between layers
    const auto attention = [&](const auto& maps) {
      append(modules, maps.query, own.q_width(), hidden);
      append(modules, maps.key, own.kv_width(), hidden);
      append(modules, maps.value, own.kv_width(), hidden);
      append(modules, maps.output, hidden, own.q_width());
    };
    attention(own);
    if (layer.cross) attention(*layer.cross);
    if (layer.mlp.gate) append(modules, *layer.mlp.gate, layer.mlp.width, hidden);
    append(modules, layer.mlp.up, layer.mlp.width, hidden);
    append(modules, layer.mlp.down, hidden, layer.mlp.width);
    all.insert(all.end(), modules.begin(), modules.end());
  }
  return all;
}

std::vector<std::string> resolved_targets(const std::vector<std::string>& targets,
                                          const model::ModelSpec& spec) {
  if (targets == std::vector<std::string>{kAllLinear}) return last_parts(modules_of(spec));
  if (!targets.empty()) return targets;
  std::vector<std::string> names;
  for (const model::LayerSpec& layer : spec.layers) {
    append_unique(names, last_part(layer.attention.query.name));
    append_unique(names, last_part(layer.attention.value.name));
  }
  return names;
}

std::vector<Module> select_modules(const std::vector<std::string>& targets,
                                   const model::ModelSpec& spec) {
  const std::vector<Module> all = modules_of(spec);
  for (const std::string& target : targets) {
    const bool found = std::any_of(all.begin(), all.end(),
                                   [&](const Module& module) { return is_named(module, target); });
    if (!found) {
      throw ConfigError("method.target_modules: '" + target +
                        "' names no linear layer of the model's layers, which are: " +
                        join(last_parts(all)) + "; or " + kAllLinear);
    }
  }
  std::vector<Module> selected;
  std::copy_if(all.begin(), all.end(), std::back_inserter(selected), [&](const Module& module) {
    return std::any_of(targets.begin(), targets.end(),
                       [&](const std::string& target) { return is_named(module, target); });
  });
  std::sort(selected.begin(), selected.end(),
            [](const Module& a, const Module& b) { return a.name < b.name; });
  return selected;
}

}  // namespace incipit::lora
