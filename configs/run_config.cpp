#include "configs/run_config.h"

#include <filesystem>

#include "configs/builtin.h"
#include "configs/schema_text.h"
#include "configs/task_blocks.h"
#include "configs/yaml_reader.h"
#include "core/error.h"
#include "core/schema.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

constexpr std::string_view kReferenceHead = R"(# Configuration

Every key of a run's YAML, as `incipit validate --schema` prints it. Paths are taken from the
current directory. `--set KEY=VALUE` (`--set train.steps=50`) replaces a value of the file; it may
be given several times, and VALUE is YAML.

The keys of `task` may also be in a file of their own, a task file, which `task.name` names:
its values apply where the run's own `task` block has none. `incipit ls` lists the built-in ones.

In place of `task` a run may have several `tasks`, a block with the keys of `task` for each, under a
name of letters, digits, `_` and `-`; where the block has no `name`, the built-in task of this name
is meant. `mixture` says how they share the run ([mixtures.md](mixtures.md)).

    tasks:
      rte: {data_dir: data/RTE}
      sentiment: {name: tasks/sentiment.yaml, data_dir: data/reviews}

Reading is strict. Unknown and duplicate keys, wrong types and values out of range are all reported
at once, with file, line, column and the nearest valid key, before any model is read (exit code 2).
Only `true` and `false` are booleans; integers are plain decimal; text that looks like a number or
a boolean (`"5"`, `"no"`) and text that begins with a brace needs quotes.

)";

// Returns what is wrong with a run's name, which is a folder below runs/ and is shown on terminals.
std::string name_problem(const std::string& name) {
  constexpr std::size_t kMostBytes = 200;
  if (name == "." || name == ".." || name.find('/') != std::string::npos) {
    return "'" + name +
           "' is a path; expected a name: run.output_dir says where the run is written";
  }
  if (printable(name) != name || name.find_first_of("\n\t") != std::string::npos) {
    return "has control characters; expected a name";
  }
  if (name.size() <= kMostBytes) return "";
  return "has " + std::to_string(name.size()) + " bytes; a name may have " +
         std::to_string(kMostBytes);
}

// Reads documents into its own configuration.
class Loader {
 public:
  Loader() : reader_(schema_) {}
  [[nodiscard]] YamlReader& reader() { return reader_; }

  [[nodiscard]] RunConfig load(ConfigValue file, const std::vector<std::string>& overrides,
                               const Check& check, const std::string& default_name) {
    std::vector<ConfigValue> documents{std::move(file)};
    for (const std::string& each : overrides) documents.push_back(reader_.parse_override(each));
    config_.tasks = declare_tasks(documents, reader_.problems());
    declare(schema_, config_);
    apply_task_files(documents, config_.tasks, reader_);
    for (const ConfigValue& document : documents) reader_.apply(document);
    const std::string problem = name_problem(config_.run.name);
    if (!problem.empty()) reader_.report("run.name", problem);
    if (config_.run.name.empty()) config_.run.name = printable(default_name);
    if (config_.run.output_dir.empty()) config_.run.output_dir = "runs/" + config_.run.name;
    if (!has_several_prompts(config_)) {
      for (const NamedTask& task : all_tasks(config_)) config_.method.tasks.push_back(task.name);
    }
    if (check) {
      check(config_, [this](const std::string& key, const std::string& message) {
        reader_.report(key, message);
      });
    }
    reader_.finish();
    return config_;
  }

 private:
  RunConfig config_;
  Schema schema_;
  YamlReader reader_;
};

}  // namespace

void declare(Schema& schema, RunConfig& config) {
  schema.block("run", config.run, "The run itself.");
  schema.block("model", config.model, "The frozen model.");
  schema.block("parallel", config.parallel, "How ranks share the work.");
  schema.block("method", config.method, "What comes before the input.");
  if (config.tasks.empty()) {
    schema.block("task", config.task, "Data, and how a record becomes text.");
  } else {
    Schema& tasks = schema.block("tasks", "The tasks of a run of several, by name.");
    for (NamedTask& task : config.tasks) tasks.block(task.name, task.options, "A task.");
  }
  schema.block("mixture", config.mixture, "How several `tasks` share a run.");
  schema.block(
      "sweep", config.sweep,
      "Several prompts of one task, trained in one batch: every combination of the lists.");
  schema.block("train", config.train, "How the prompt is learned.");
  schema.block("eval", config.eval, "How candidates are scored.");
  schema.block("order", config.order, "The search for an order of few-shot examples.");
  schema.block("search", config.search, "The search for the words of a prompt.");
  schema.block("distill", config.distill, "The teacher of `train.loss: distillation`.");
  schema.block("metrics", config.metrics, "What can be watched from outside.");
  schema.block("log", config.log, "What is said on standard error.");
}

RunConfig load_run_config(const std::string& config_path, const std::vector<std::string>& overrides,
                          const Check& check) {
  Loader loader;
  const std::filesystem::path path(config_path);
  std::error_code ignored;  // a path that cannot be looked at is none
  if (!std::filesystem::exists(path, ignored)) {
    const auto recipes = builtin_recipes();
    if (const BuiltinFile* recipe = find_file(recipes, config_path)) {
      const std::string source = "built-in recipe " + config_path;
      return loader.load(loader.reader().parse_text(recipe->text, source), overrides, check,
                         config_path);
    }
    throw ConfigError(config_path + ": no such file" + did_you_mean(config_path, names(recipes)) +
                      " (expected a configuration, or a recipe that incipit ls shows)");
  }
  return loader.load(loader.reader().parse_file(path), overrides, check, path.stem().string());
}

RunConfig parse_run_config(std::string_view text, const std::string& source,
                           const std::vector<std::string>& overrides, const Check& check) {
  Loader loader;
  return loader.load(loader.reader().parse_text(text, source), overrides, check, source);
}

std::string resolved_yaml(const RunConfig& config) {
  RunConfig copy = config;
  Schema schema;
  declare(schema, copy);
  return write_yaml(schema);
}

std::string configuration_reference() {
  RunConfig config;
  Schema schema;
  declare(schema, config);
  return std::string(kReferenceHead) + document_keys(schema);
}

}  // namespace incipit::configs
