// The blocks `task` and `tasks` of a configuration, which name files of defaults.
#pragma once

#include <vector>

#include "configs/run_config.h"
#include "configs/yaml_reader.h"

namespace incipit::configs {

// The tasks that `tasks:` of any of the documents names, in order, without values; none where there
// is only `task:`. Takes out of the documents what is no task block or stands beside `tasks:`, and
// adds it to the problems.
[[nodiscard]] std::vector<NamedTask> declare_tasks(std::vector<YamlValue>& documents,
                                                   Problems& problems);

// Applies the files that the documents name, of the last one for each task, as defaults of the
// tasks' blocks. A task of `tasks:` without `name` is the built-in one of its own name, where there
// is one, and is then given it.
void apply_task_files(const std::vector<YamlValue>& documents, std::vector<NamedTask>& tasks,
                      YamlReader& reader);

}  // namespace incipit::configs
