#include "launcher/commands/validate.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "data/task_checks.h"
#include "families/registry.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/commands/validate_report.h"
#include "launcher/distillation.h"
#include "launcher/memory_budget.h"
#include "launcher/model_check.h"
#include "launcher/prompt_source.h"
#include "methods/registry.h"
#include "model/as_stored.h"
#include "model/weight_files.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

struct ValidateArguments {
  ConfigArguments config;
  bool schema = false;
};

// Returns the choice that a run without mpirun would make on this machine.
ModelChoice choice_on_one_rank(const model::ModelOptions& options,
                               const model::WeightFiles& weights) {
  ModelMachine machine = this_machine(options);
  machine.float32_bytes = 4.0 * static_cast<double>(weights.parameter_count());
  machine.memory = memory_of_rank({}, model::Device::kCpu);
  return choose_model(options, machine);
}

void check_run(const ConfigArguments& arguments) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  const configs::RunConfig config =
      load_config(arguments, [](const auto& read, const auto& report) {
        const bool trains = read.method.trains();
        (trains ? check_training_options : check_options)(read, report);
      });
  log::configure("error");  // the readers' log messages are among the warnings below
  const bool trains = config.method.trains();
  const auto model_dir = model::resolve_model_dir(config.model.path);
  const model::WeightFiles weights(model_dir);
  const model::ModelSpec transformer = model::as_stored(families::read_model(model_dir), weights);
  std::vector<data::LoadedTask> tasks;
  const std::vector<std::int64_t> prompt_rows = prompt_rows_of(config);
  for (const auto& [name, options] : configs::all_tasks(config)) {
    if (!config.sweep.empty() && !tasks.empty()) break;  // its members share task and examples
    data::TaskModel task_model = data::load_task_model(model_dir, options, limits_of(transformer));
    data::LoadedTask& read = tasks.emplace_back();
    read.name = name;
    read.prompt_rows = *std::max_element(prompt_rows.begin(), prompt_rows.end());
    read.task = std::make_shared<data::Task>(options, std::move(task_model));
    read.splits = data::load_splits(*read.task, config.run.seed, read.prompt_rows,
                                    {.train = trains || !options.train.empty(),
                                     .train_examples = config.train.examples,
                                     .labelled = !distils(config)});
  }
  check_starts(config, transformer, tasks);

  std::cout << style.bold(arguments.config) << '\n';
  print_summary(std::cout, style, config, transformer, weights,
                choice_on_one_rank(config.model, weights), tasks);
  std::size_t warnings = 0;
  for (const data::LoadedTask& read : tasks) {
    const std::string of = tasks.size() == 1 ? "" : read.name + ": ";
    if (!of.empty()) std::cout << style.bold(read.name) << '\n';
    print_splits(std::cout, style, *read.task, read.splits);
    for (const std::string& warning : data::task_warnings(
             *read.task, read.splits,
             config.eval.score.value_or(read.task->options().score) == eval::Score::kSum)) {
      ++warnings;
      std::cout << style.warning("warning") << "  " << of << warning << '\n';
    }
  }
  std::cout << style.good("ok");
  if (warnings > 0) {
    std::cout << ", " << warnings << (warnings == 1 ? " warning" : " warnings");
  }
  std::cout << '\n';
}

}  // namespace

void add_validate_command(Command& program) {
  const auto arguments = std::make_shared<ValidateArguments>();
  Command* command =
      program.add_subcommand("validate", "Check a configuration, its data and its model's files");
  add_config_arguments(*command, arguments->config)->required(false);
  command->add_flag("--schema", arguments->schema, "print the reference of all keys (Markdown)");
  command->example("incipit validate configs/recipes/rte.yaml");
  command->callback([arguments] {
    if (arguments->schema) {
      std::cout << configs::configuration_reference();
    } else if (arguments->config.config.empty()) {
      throw ConfigError("validate: CONFIG is missing (or give --schema)");
    } else {
      check_run(arguments->config);
    }
  });
}

}  // namespace incipit::launcher
