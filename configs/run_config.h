// A run's configuration: what its YAML says, as plain structs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/mesh_options.h"
#include "configs/schema.h"
#include "data/mixture_options.h"
#include "data/task_options.h"
#include "eval/eval_options.h"
#include "metrics/metrics_options.h"
#include "prompt/prompt_options.h"
#include "trainer/train_options.h"

namespace incipit::configs {

struct RunOptions {
  std::string name;        // default: the configuration's file name
  std::string output_dir;  // default: runs/NAME
  std::uint64_t seed = 17;
  bool deterministic = false;  // same bytes again on a GPU, slower
};

// kAuto: what is fastest on the machine (launcher/model_choice.h).
enum class Dtype { kAuto, kFloat32, kBFloat16, kFloat16 };

[[nodiscard]] const char* dtype_name(Dtype dtype);  // "bfloat16"
// Bytes of a number; of kAuto those of bfloat16, which is what it is on a GPU.
[[nodiscard]] int number_bytes(Dtype dtype);

enum class Device { kAuto, kCpu, kCuda };

struct ModelOptions {
  std::string path;  // a folder in Hugging Face layout
  Dtype dtype = Dtype::kAuto;
  Device device = Device::kAuto;  // kCuda: GPU number local rank; kAuto: kCuda where there is one
};

struct LogOptions {
  std::string level = "info";  // debug, info, warn, error
};

// One of the tasks of a run, under its key in `tasks:`.
struct NamedTask {
  std::string name;  // letters, digits, _ and -
  data::TaskOptions options;
};

struct RunConfig {
  RunOptions run;
  ModelOptions model;
  comm::MeshOptions parallel;
  prompt::PromptOptions method;
  data::TaskOptions task;  // `task:`; unused where there are `tasks:`
  std::vector<NamedTask> tasks{};
  data::MixtureOptions mixture;
  trainer::TrainOptions train;
  eval::EvalOptions eval;
  metrics::MetricsOptions metrics;
  LogOptions log;

  // The name of the one task that pick_task() left of several; its files in the run directory
  // bear it. No key.
  std::string picked{};
};

// The tasks of a run: those of `tasks:`, or the one of `task:`, which is called by the stem of its
// file's name (built-in tasks by their name), or else "task".
[[nodiscard]] std::vector<NamedTask> all_tasks(const RunConfig& config);
// Their names, in order: "rte, cb".
[[nodiscard]] std::string task_names(const RunConfig& config);
// Several soft prompts, one for each of several tasks.
[[nodiscard]] bool has_several_prompts(const RunConfig& config);

// The run as if one of its tasks were all of it, for what knows one task alone. Throws ConfigError
// that lists the tasks, when there is none of this name, and when there are several and `name` is
// empty. The only task of a run needs no name.
[[nodiscard]] RunConfig pick_task(RunConfig config, const std::string& name);

// Every key, bound to the fields of `config`, which must outlive the block.
void bind(RunConfig& config, Block& root);

// Checks of values that were read, each on its own or together: `report` takes the key
// ("train.schedule.warmup_steps") and what is wrong with it.
using Report = std::function<void(const std::string& key, const std::string& message)>;
using Check = std::function<void(const RunConfig& config, const Report& report)>;

// Reads `config_path` (a file, or the name of a built-in recipe), the task files that
// `task.name` or `tasks.NAME.name` name (a built-in task, or a path) as defaults of these blocks,
// and `overrides` ("train.steps=50") over both. Throws one ConfigError that lists all mistakes:
// of the files, of the overrides, and those that `check` reports.
[[nodiscard]] RunConfig load_run_config(const std::string& config_path,
                                        const std::vector<std::string>& overrides = {},
                                        const Check& check = nullptr);

// The same from a text; `source` names it in messages.
[[nodiscard]] RunConfig parse_run_config(std::string_view text, const std::string& source,
                                         const std::vector<std::string>& overrides = {},
                                         const Check& check = nullptr);

// YAML with every key, which reads back to an equal configuration.
[[nodiscard]] std::string resolved_yaml(const RunConfig& config);

// The reference of all keys, in Markdown (docs/configuration.md).
[[nodiscard]] std::string configuration_reference();

}  // namespace incipit::configs
