#include "configs/task_blocks.h"

#include <algorithm>

#include "configs/builtin.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

using Path = std::vector<std::string>;

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

bool is_task_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](const char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// Removes `key` from a map.
void remove_key(ConfigValue& map, const std::string& key) {
  std::erase_if(map.pairs, [&](const ConfigPair& pair) { return pair.key == key; });
}

// Returns the value at `path` in the last document that has one.
const ConfigValue* last_value(const std::vector<ConfigValue>& documents, const Path& path) {
  for (auto document = documents.rbegin(); document != documents.rend(); ++document) {
    const ConfigValue* value = &*document;
    for (const std::string& key : path) {
      const ConfigPair* pair = value == nullptr ? nullptr : value->find(key);
      value = pair == nullptr ? nullptr : &pair->value;
    }
    if (value != nullptr) return value;
  }
  return nullptr;
}

void apply_builtin(const BuiltinFile& file, const std::string& block, YamlReader& reader) {
  const std::string source = "built-in task " + std::string(file.name);
  reader.apply(reader.parse_text(file.text, source), block);
}

// Applies the file that `block`.name names.
void apply_named(const ConfigValue& name, const std::string& block, YamlReader& reader) {
  if (name.kind != ConfigValue::Kind::kScalar || name.scalar.empty()) return;
  const std::string key = block + ".name";
  if (is_path(name.scalar)) {
    try {
      reader.apply(reader.parse_file(name.scalar), block);
    } catch (const ConfigError& error) {
      reader.problems().add(name.where, key + ": " + error.what());
    }
    return;
  }
  const auto known = builtin_tasks();
  if (const BuiltinFile* file = find_file(known, name.scalar)) {
    return apply_builtin(*file, block, reader);
  }
  reader.problems().add(name.where, key + ": no built-in task is called '" + name.scalar + "'" +
                                        did_you_mean(name.scalar, names(known)) +
                                        " (incipit ls shows them; a task file of your own is "
                                        "given by its path, like ./mine.yaml)");
}

// Applies the built-in task of the same name to a task that names no file. Without one, the task's
// block must be complete.
void apply_own(const std::vector<ConfigValue>& documents, NamedTask& task, YamlReader& reader) {
  const std::string block = "tasks." + task.name;
  const auto known = builtin_tasks();
  if (const BuiltinFile* file = find_file(known, task.name)) {
    task.options.name = task.name;
    return apply_builtin(*file, block, reader);
  }
  if (last_value(documents, {"tasks", task.name, "template"}) != nullptr) return;
  const ConfigValue* const given = last_value(documents, {"tasks", task.name});
  reader.problems().add(given->where,
                        block + ": no built-in task is called '" + task.name + "'" +
                            did_you_mean(task.name, names(known)) +
                            " (expected one that incipit ls shows, a name: of one or of a task "
                            "file, or a template:)");
}

// Declares the task blocks of one document.
void declare_blocks(ConfigValue& document, std::vector<NamedTask>& tasks, Problems& problems) {
  const auto found = std::find_if(document.pairs.begin(), document.pairs.end(),
                                  [](const ConfigPair& pair) { return pair.key == "tasks"; });
  if (found == document.pairs.end()) return;
  ConfigValue& blocks = found->value;
  if (blocks.kind != ConfigValue::Kind::kMap || blocks.pairs.empty()) {
    problems.add(blocks.where,
                 "tasks: expected a block for each task, by name, like tasks: "
                 "{rte: {data_dir: ...}}, found " +
                     blocks.describe());
    return remove_key(document, "tasks");
  }
  std::erase_if(blocks.pairs, [&](const ConfigPair& pair) {
    if (is_task_name(pair.key)) return false;
    problems.add(pair.key_where,
                 "tasks: '" + pair.key + "' cannot name a task: expected letters, digits, _ and -");
    return true;
  });
  for (const ConfigPair& pair : blocks.pairs) {
    const bool known = std::any_of(tasks.begin(), tasks.end(),
                                   [&](const NamedTask& task) { return task.name == pair.key; });
    if (!known) tasks.emplace_back().name = pair.key;
  }
  if (blocks.pairs.empty()) remove_key(document, "tasks");
}

}  // namespace

std::vector<NamedTask> declare_tasks(std::vector<ConfigValue>& documents, Problems& problems) {
  std::vector<NamedTask> tasks;
  bool any = false;
  for (ConfigValue& document : documents) {
    any = any || document.find("tasks") != nullptr;
    declare_blocks(document, tasks, problems);
  }
  if (!any) return tasks;
  for (ConfigValue& document : documents) {
    const ConfigPair* const alone = document.find("task");
    if (alone == nullptr) continue;
    std::string list;
    for (const NamedTask& task : tasks) list += (list.empty() ? "" : ", ") + task.name;
    problems.add(alone->key_where,
                 "task: the configuration has tasks, too (" + list +
                     "); give task: for one task, or tasks: for several, whose keys are "
                     "tasks.NAME.KEY");
    remove_key(document, "task");
  }
  return tasks;
}

void apply_task_files(const std::vector<ConfigValue>& documents, std::vector<NamedTask>& tasks,
                      YamlReader& reader) {
  if (tasks.empty()) {
    const ConfigValue* const name = last_value(documents, {"task", "name"});
    if (name != nullptr) apply_named(*name, "task", reader);
    return;
  }
  for (NamedTask& task : tasks) {
    const ConfigValue* const name = last_value(documents, {"tasks", task.name, "name"});
    if (name != nullptr) {
      apply_named(*name, "tasks." + task.name, reader);
    } else {
      apply_own(documents, task, reader);
    }
  }
}

}  // namespace incipit::configs
