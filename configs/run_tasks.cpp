// The tasks of a run with one task or several.
#include <algorithm>
#include <filesystem>

#include "configs/run_config.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::configs {

std::vector<SweepMember> members(const RunConfig& config) {
  return sweep_members(config.sweep, config.run, config.method, config.train.optimizer);
}

std::vector<NamedTask> all_tasks(const RunConfig& config) {
  if (!config.tasks.empty()) return config.tasks;
  if (!config.sweep.empty()) {
    std::vector<NamedTask> tasks;
    for (const SweepMember& member : members(config)) tasks.push_back({member.name, config.task});
    return tasks;
  }
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
  if (!config.sweep.empty()) return true;
  return config.tasks.size() > 1 && config.mixture.prompts == data::MixturePrompts::kPerTask;
}

bool has_several_adapters(const RunConfig& config) {
  return has_several_prompts(config) ||
         (config.tasks.size() > 1 && methods::has_rows_by_task(config.method));
}

RunConfig pick_task(RunConfig config, const std::string& name) {
  if (name.empty() && config.tasks.empty() && config.sweep.empty()) return config;
  if (name.empty() && all_tasks(config).size() > 1) {
    throw ConfigError(std::string("the configuration has ") +
                      (config.sweep.empty() ? "several tasks" : "several members of a sweep") +
                      "; choose one of them with --task NAME: " + task_names(config));
  }
  const auto tasks = all_tasks(config);
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const NamedTask& task) {
    return name.empty() || task.name == name;
  });
  if (found == tasks.end()) {
    throw ConfigError("--task " + name + ": the configuration has no such task; it has " +
                      task_names(config));
  }
  if (has_several_adapters(config)) config.picked = found->name;
  config.method.tasks = {found->name};
  for (const SweepMember& member : members(config)) {
    if (member.name != found->name) continue;
    config.method = member.method;
    config.train.optimizer.lr = member.lr;
  }
  config.sweep = {};
  config.task = found->options;
  config.tasks.clear();
  return config;
}

}  // namespace incipit::configs
