// The tasks of a run with one task or several.
#include <algorithm>
#include <filesystem>

#include "configs/run_config.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::configs {

std::vector<NamedTask> all_tasks(const RunConfig& config) {
  if (!config.tasks.empty()) return config.tasks;
  std::string name = config.picked;
  if (name.empty()) name = std::filesystem::path(config.task.name).stem().string();
  std::vector<NamedTask> tasks(1);
  tasks[0].name = name.empty() ? "task" : name;
  tasks[0].options = config.task;
  return tasks;
}

std::string task_names(const RunConfig& config) {
  std::vector<std::string> names;
  for (const NamedTask& task : all_tasks(config)) names.push_back(task.name);
  return join(names);
}

bool has_several_prompts(const RunConfig& config) {
  return config.tasks.size() > 1 && config.mixture.prompts == data::MixturePrompts::kPerTask;
}

RunConfig pick_task(RunConfig config, const std::string& name) {
  if (name.empty() && config.tasks.empty()) return config;
  if (name.empty() && config.tasks.size() > 1) {
    throw ConfigError("the configuration has several tasks; choose one of them with --task NAME: " +
                      task_names(config));
  }
  const auto tasks = all_tasks(config);
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const NamedTask& task) {
    return name.empty() || task.name == name;
  });
  if (found == tasks.end()) {
    throw ConfigError("--task " + name + ": the configuration has no such task; it has " +
                      task_names(config));
  }
  if (has_several_prompts(config)) config.picked = found->name;
  config.task = found->options;
  config.tasks.clear();
  return config;
}

}  // namespace incipit::configs
