// The `task` and `tasks` blocks of a configuration, which may name files with defaults.
#pragma once

#include <vector>

#include "configs/run_config.h"
#include "configs/yaml_reader.h"

namespace incipit::configs {

// Returns the tasks that `tasks:` names in any of the documents, in order, without values. Empty
// when there is only `task:`. Removes from the documents whatever is not a task block or conflicts
// with `tasks:`, and adds it to the problems.
[[nodiscard]] std::vector<NamedTask> declare_tasks(std::vector<ConfigValue>& documents,
                                                   Problems& problems);

// Applies the task files as defaults of the tasks' blocks. For each task, the last document that
// names a file decides. A task of `tasks:` without `name` uses the built-in task of the same name,
// if there is one, and its `name` is set accordingly.
void apply_task_files(const std::vector<ConfigValue>& documents, std::vector<NamedTask>& tasks,
                      YamlReader& reader);

}  // namespace incipit::configs
