#include "configs/wordings.h"

#include <filesystem>

#include "configs/bindings.h"
#include "configs/builtin.h"
#include "configs/yaml_reader.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

std::string block_key(std::size_t index) { return "wording " + std::to_string(index + 1); }

// Converts the list to a document with one block per template, so that one reader finds all
// mistakes.
YamlValue as_blocks(YamlValue list, Problems& problems) {
  YamlValue blocks{.kind = YamlValue::Kind::kMap, .where = list.where};
  if (list.kind != YamlValue::Kind::kSequence || list.items.empty()) {
    problems.add(list.where, "expected a list of wordings (- name: ...), found " + list.describe());
  }
  for (YamlValue& item : list.items) {
    std::string key = block_key(blocks.pairs.size());
    blocks.pairs.push_back({std::move(key), item.where, std::move(item)});
  }
  return blocks;
}

void check_names(const std::vector<Wording>& wordings, YamlReader& reader) {
  for (std::size_t i = 0; i < wordings.size(); ++i) {
    const std::string key = block_key(i) + ".name";
    if (!reader.was_given(key)) continue;  // already reported
    if (wordings[i].name.empty()) reader.report(key, "is empty");
    for (std::size_t other = 0; other < i; ++other) {
      if (wordings[other].name != wordings[i].name) continue;
      reader.report(key, block_key(other) + " is called '" + wordings[i].name + "', too");
      break;
    }
  }
}

}  // namespace

WordingsText read_wordings(const std::string& path_or_name) {
  if (!std::filesystem::exists(path_or_name)) {
    const auto known = builtin_wordings();
    if (const BuiltinFile* file = find_file(known, path_or_name)) {
      return {"built-in wordings " + path_or_name, std::string(file->text)};
    }
    throw ConfigError(path_or_name + ": no such file" + did_you_mean(path_or_name, names(known)) +
                      " (expected a YAML list of wordings, or one that incipit ls shows)");
  }
  try {
    return {path_or_name, read_text(path_or_name)};
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

std::vector<Wording> parse_wordings(const WordingsText& list, const data::TaskOptions& base,
                                    const TaskCheck& check) {
  Block root;
  YamlReader reader(root);
  const YamlValue blocks = as_blocks(reader.parse_text(list.text, list.source), reader.problems());
  std::vector<Wording> wordings(blocks.pairs.size(), Wording{.name = "", .task = base});
  for (std::size_t i = 0; i < wordings.size(); ++i) {
    Block& block = root.block(block_key(i), "");
    block.field("name", wordings[i].name, "names the wording in tables").required = true;
    bind_wording(wordings[i].task, block);
  }
  reader.apply(blocks);
  check_names(wordings, reader);
  for (std::size_t i = 0; check && i < wordings.size(); ++i) {
    check(wordings[i].task, [&](const std::string& key, const std::string& message) {
      reader.report(block_key(i) + "." + key, message);
    });
  }
  reader.finish();
  return wordings;
}

}  // namespace incipit::configs
