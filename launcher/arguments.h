// What commands that take a configuration have in common.
#pragma once

#include <string>
#include <vector>

#include "configs/run_config.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace incipit::launcher {

struct ConfigArguments {
  std::string config;
  std::vector<std::string> overrides;
  std::string task;  // add_task_argument(): one of several
};

// Adds CONFIG and --set KEY=VALUE to a command; returns CONFIG, which is required.
CLI::Option* add_config_arguments(CLI::App& command, ConfigArguments& arguments);

// Adds --task NAME to a command that knows one task alone (load_one_task()).
void add_task_argument(CLI::App& command, ConfigArguments& arguments);

// "Example:\n  incipit train ...", as the footer of a command's help.
void add_example(CLI::App& command, const std::string& example);

// For commands that take a run directory, too: the configuration that stands in it, which then runs
// in that directory, wherever it was moved to. Anything else stays as it is.
[[nodiscard]] ConfigArguments resolve_run(ConfigArguments arguments);

// Reads the configuration with every check that needs no file but itself and task files.
// `check` is one of launcher/check_options.h.
[[nodiscard]] configs::RunConfig load_config(const ConfigArguments& arguments,
                                             const configs::Check& check);

// The same as if the task that --task names were all of the run. Throws ConfigError that lists the
// tasks when there are several and none is named.
[[nodiscard]] configs::RunConfig load_one_task(const ConfigArguments& arguments,
                                               const configs::Check& check);

}  // namespace incipit::launcher
