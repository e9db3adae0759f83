// A run's configuration as plain structs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/mesh_options.h"
#include "configs/run_options.h"
#include "configs/sweep_options.h"
#include "core/log_options.h"
#include "data/mixture_options.h"
#include "data/task_options.h"
#include "eval/distill_options.h"
#include "eval/eval_options.h"
#include "eval/order_options.h"
#include "eval/search_options.h"
#include "methods/method_options.h"
#include "model/model_options.h"
#include "telemetry/endpoint_options.h"
#include "trainer/train_options.h"

namespace incipit::configs {

// A task of a run, under its key in `tasks:`.
struct NamedTask {
  std::string name;  // letters, digits, _ and -
  data::TaskOptions options;
};

struct RunConfig {
  RunOptions run;
  model::ModelOptions model;
  comm::MeshOptions parallel;
  methods::MethodOptions method;
  data::TaskOptions task;  // `task:`; unused if there are `tasks:`
  std::vector<NamedTask> tasks{};
  data::MixtureOptions mixture;
  SweepOptions sweep{};
  trainer::TrainOptions train;
  eval::EvalOptions eval;
  eval::OrderOptions order;
  eval::SearchOptions search;
  eval::DistillOptions distill;
  telemetry::EndpointOptions metrics;
  log::LogOptions log;

  // The task that pick_task() chose among several. The task's files in the run directory carry this
  // name. Not a key.
  std::string picked{};
};

// Returns the members of the run's sweep; none without one.
[[nodiscard]] std::vector<SweepMember> members(const RunConfig& config);

// Returns the tasks of a run: those of `tasks:`, or the one of `task:`. The latter is named after
// the stem of its file's name (a built-in task: its name), or else "task". In a sweep there is one
// for each member, under its name, with the same options.
[[nodiscard]] std::vector<NamedTask> all_tasks(const RunConfig& config);
// Returns the names of the tasks, in order: "rte, cb".
[[nodiscard]] std::string task_names(const RunConfig& config);
// Returns whether the run has several tasks, or members of a sweep, with one soft prompt each.
[[nodiscard]] bool has_several_prompts(const RunConfig& config);
// Returns whether each of several tasks or members gets a separate adapter. True also for a shared
// prompt with separate rows for each task.
[[nodiscard]] bool has_several_adapters(const RunConfig& config);

// Returns the configuration reduced to one of its tasks, for code that handles a single task, with
// the settings of a sweep's member except for its seed. `name` may be empty when the run has only
// one task. Throws ConfigError that lists the tasks when none has this name, or when there are
// several and `name` is empty.
[[nodiscard]] RunConfig pick_task(RunConfig config, const std::string& name);

// Declares every key, for the fields of `config`, which must outlive the schema.
void declare(Schema& schema, RunConfig& config);

// Checks the values that were read, separately or together. `report` takes the key
// ("train.schedule.warmup_steps") and the problem.
using Report = std::function<void(const std::string& key, const std::string& message)>;
using Check = std::function<void(const RunConfig& config, const Report& report)>;

// Loads a configuration. `config_path` is a file or the name of a built-in recipe. The task files
// that `task.name` or `tasks.NAME.name` name (a built-in task or a path) supply the defaults of
// these blocks. `overrides` ("train.steps=50") take precedence over both. Throws one ConfigError
// that lists all mistakes: those in the files, in the overrides, and those that `check` reports.
[[nodiscard]] RunConfig load_run_config(const std::string& config_path,
                                        const std::vector<std::string>& overrides = {},
                                        const Check& check = nullptr);

// The same from a string; `source` names it in messages.
[[nodiscard]] RunConfig parse_run_config(std::string_view text, const std::string& source,
                                         const std::vector<std::string>& overrides = {},
                                         const Check& check = nullptr);

// Returns YAML with every key. It reads back to an equal configuration.
[[nodiscard]] std::string resolved_yaml(const RunConfig& config);

// Returns the reference of all keys, in Markdown (docs/configuration.md).
[[nodiscard]] std::string configuration_reference();

}  // namespace incipit::configs
