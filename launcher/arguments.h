// Arguments shared by commands that take a configuration.
#pragma once

#include <string>
#include <vector>

#include "configs/run_config.h"

namespace incipit::eval {
struct GenerationOptions;
}

namespace incipit::launcher {

class Command;
class Option;

struct ConfigArguments {
  std::string config;
  std::vector<std::string> overrides;
  std::string task;  // from add_task_argument(): one of several tasks
};

// Adds CONFIG and --set KEY=VALUE to a command. Returns the CONFIG option, which is required.
Option* add_config_arguments(Command& command, ConfigArguments& arguments);

// Adds --task NAME to a command that handles a single task (load_one_task()).
void add_task_argument(Command& command, ConfigArguments& arguments);

// Adds --temperature, --top-p and --seed to a command that generates text.
void add_sampling_arguments(Command& command, eval::GenerationOptions& options);

// Loads the configuration, which may be that in a run's directory; the run then uses that
// directory, wherever it was moved to. Applies every check that needs only it and the task files.
// `check` is one of those in launcher/check_options.h.
[[nodiscard]] configs::RunConfig load_config(const ConfigArguments& arguments,
                                             const configs::Check& check);

// The same, reduced to the task that --task names. Throws ConfigError that lists the tasks when
// there are several and --task is empty.
[[nodiscard]] configs::RunConfig load_one_task(const ConfigArguments& arguments,
                                               const configs::Check& check);

}  // namespace incipit::launcher
