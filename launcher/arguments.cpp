#include "launcher/arguments.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "eval/generation.h"
#include "launcher/command_line.h"
#include "launcher/run_dir.h"

namespace incipit::launcher {

Option* add_config_arguments(Command& command, ConfigArguments& arguments) {
  command.add_option("--set", arguments.overrides, "replace a value, like train.steps=50")
      ->type_name("KEY=VALUE")
      ->one_at_a_time();
  return command
      .add_option("config", arguments.config,
                  "a run's YAML or its directory, or the name of a built-in recipe")
      ->type_name("CONFIG")
      ->required();
}

void add_task_argument(Command& command, ConfigArguments& arguments) {
  command.add_option("--task", arguments.task, "one of several tasks of the configuration")
      ->type_name("NAME");
}

void add_sampling_arguments(Command& command, eval::GenerationOptions& options) {
  command
      .add_option(
          "--temperature", options.temperature,
          "0: always the likeliest token (default); 1: sample from the model's probabilities")
      ->type_name("T")
      ->between(0.0, 100.0);
  command
      .add_option("--top-p", options.top_p,
                  "sample from the likeliest tokens whose probabilities add up to P (default: 1)")
      ->type_name("P")
      ->between(1e-6, 1.0);
  command.add_option("--seed", options.seed, "seed of sampling (default: 17)")->type_name("S");
}

namespace {

// Returns the arguments with the configuration of a run in the place of its directory. The run uses
// that directory, wherever it was moved to.
ConfigArguments resolve_run(ConfigArguments arguments) {
  const std::filesystem::path dir(arguments.config);
  if (!is_run_dir(dir)) return arguments;
  arguments.config = (dir / "config.yaml").string();
  arguments.overrides.insert(arguments.overrides.begin(),
                             "run.output_dir=" + dump_json(nlohmann::json(dir.string())));
  return arguments;
}

}  // namespace

configs::RunConfig load_config(const ConfigArguments& arguments, const configs::Check& check) {
  const ConfigArguments resolved = resolve_run(arguments);
  return configs::load_run_config(resolved.config, resolved.overrides, check);
}

configs::RunConfig load_one_task(const ConfigArguments& arguments, const configs::Check& check) {
  const configs::RunConfig all =
      load_config(arguments, [&](const configs::RunConfig& read, const configs::Report& report) {
        const std::string name = read.tasks.size() == 1 && arguments.task.empty()
                                     ? read.tasks.front().name
                                     : arguments.task;
        check(configs::pick_task(read, name), [&](std::string key, const std::string& message) {
          if (!read.tasks.empty() && key.starts_with("task.")) key.insert(4, "s." + name);
          report(key, message);
        });
      });
  return configs::pick_task(all, arguments.task);
}

}  // namespace incipit::launcher
