#include "launcher/commands/init.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "configs/builtin.h"
#include "core/error.h"
#include "core/files.h"
#include "core/scalars.h"
#include "core/text.h"
#include "data/records.h"
#include "data/stratified_split.h"
#include "families/registry.h"
#include "init/files.h"
#include "init/labelled_table.h"
#include "init/summary.h"
#include "init/task_plan.h"
#include "init/words.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "model/weight_files.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

constexpr double kValidationShare = 0.15;
constexpr double kTestShare = 0.2;
// More validation examples than this improve a score little and cost time.
constexpr double kMostValidation = 300;
constexpr double kMostTest = 1000;

struct InitArguments {
  std::string data;
  std::vector<std::string> text;
  std::string label;
  std::string output;
  std::string name;
  std::string recipe = "town_hall";
  std::string model = "models/smollm2-135m-instruct";
  std::optional<double> validation;
  std::optional<double> test;
  std::uint64_t seed = 17;
  bool force = false;
};

// Returns whether a name may contain this byte: no shell quotes needed, a single path component.
bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.';
}

std::string run_name(const InitArguments& arguments, std::string fallback) {
  if (arguments.name.empty()) {
    std::replace_if(
        fallback.begin(), fallback.end(), [](char c) { return !is_name_byte(c); }, '_');
    return fallback;
  }
  if (std::all_of(arguments.name.begin(), arguments.name.end(), is_name_byte)) {
    return arguments.name;
  }
  throw ConfigError("init: --name '" + arguments.name +
                    "' is used in file names; expected only letters, digits, '.', '-' and '_'");
}

void check_arguments(const InitArguments& arguments) {
  if (arguments.data.empty()) {
    if (arguments.text.empty() && arguments.label.empty()) return;
    throw ConfigError("init: --text and --label name columns of a file; give the file with --data");
  }
  if (arguments.text.empty() || arguments.label.empty()) {
    throw ConfigError("init: --data needs --text COLUMN, the input, and --label COLUMN, the label");
  }
  const double held_out =
      arguments.validation.value_or(kValidationShare) + arguments.test.value_or(kTestShare);
  if (held_out >= 1) {
    throw ConfigError("init: --validation and --test take " + number_text(held_out) +
                      " of the examples and leave none to train on");
  }
}

void refuse_existing(const fs::path& path, const InitArguments& arguments) {
  if (arguments.force || !fs::exists(path)) return;
  if (fs::is_directory(path) && fs::is_empty(path)) return;
  throw ConfigError("init: " + path.string() +
                    " exists; choose another folder with --output, or overwrite it with --force");
}

// The files that init writes into its folder.
struct InitFiles {
  fs::path train, validation, test, task, config;
};

// Names the files. The run's file has the run's name; the task's file gives way to it, also on
// file systems that do not distinguish case. Throws ConfigError if one of them is the user's data.
InitFiles name_files(const fs::path& folder, const std::string& name, const fs::path& data) {
  const bool taken = init::lower(name) == "task";
  const InitFiles files{.train = folder / "train.jsonl",
                        .validation = folder / "validation.jsonl",
                        .test = folder / "test.jsonl",
                        .task = folder / (taken ? "task_definition.yaml" : "task.yaml"),
                        .config = folder / (name + ".yaml")};
  for (const fs::path& file :
       {files.train, files.validation, files.test, files.task, files.config}) {
    std::error_code missing;
    if (!fs::equivalent(file, data, missing)) continue;
    throw ConfigError("init: would overwrite the examples, " + data.string() +
                      "; choose another folder with --output");
  }
  return files;
}

configs::RunConfig run_config(const InitArguments& arguments, const std::string& name) {
  configs::RunConfig config;
  config.run.name = name;
  config.run.output_dir = "runs/" + name;
  config.run.seed = arguments.seed;
  config.model.path = arguments.model;
  return config;
}

std::vector<double> held_out_shares(const InitArguments& arguments, std::size_t examples) {
  const auto count = static_cast<double>(examples);
  return {arguments.validation.value_or(std::min(kValidationShare, kMostValidation / count)),
          arguments.test.value_or(std::min(kTestShare, kMostTest / count))};
}

init::TaskPlan plan_for_model(const init::LabelledTable& table, const configs::RunConfig& config) {
  const fs::path model_dir = model::resolve_model_dir(config.model.path);
  const model::ModelSpec transformer = families::read_model(model_dir);
  return init::plan_task(
      table, data::Tokenizer::load(model_dir),
      {.positions = transformer.max_positions, .prompt_rows = config.method.num_virtual_tokens});
}

// Returns the columns that --text names: each word is a column, or several between commas.
std::vector<std::string> text_columns(const InitArguments& arguments) {
  const auto reader = data::open_records(arguments.data);
  std::vector<std::string> known = reader->columns();
  if (known.empty()) {
    if (const auto first = reader->next()) known = first->names();
  }
  std::vector<std::string> columns;
  for (const std::string& word : arguments.text) {
    std::size_t begin = 0;
    const bool whole = std::find(known.begin(), known.end(), word) != known.end();
    for (std::size_t comma; !whole && (comma = word.find(',', begin)) != std::string::npos;) {
      columns.push_back(word.substr(begin, comma - begin));
      begin = comma + 1;
    }
    columns.push_back(word.substr(begin));
  }
  for (const std::string& column : columns) {
    if (column != arguments.label) continue;
    throw ConfigError("init: column '" + column + "' is given as both text and label");
  }
  return columns;
}

// Writes a task and a run for the user's own examples.
void init_from_data(const InitArguments& arguments) {
  const std::string name = run_name(arguments, fs::path(arguments.data).stem().string());
  const fs::path folder = arguments.output.empty() ? fs::path(name) : fs::path(arguments.output);
  const InitFiles files = name_files(folder, name, arguments.data);
  refuse_existing(folder, arguments);
  const init::LabelledTable table =
      init::read_labelled_table(arguments.data, text_columns(arguments), arguments.label);
  const auto groups = init::duplicate_groups(table);
  const auto warnings = init::table_warnings(table, groups);
  std::vector<int> labels;
  for (const init::LabelledText& row : table.rows) labels.push_back(row.label);
  const auto parts = data::stratified_split(
      labels, groups, held_out_shares(arguments, table.rows.size()), arguments.seed);

  configs::RunConfig config = run_config(arguments, name);
  init::TaskPlan plan = plan_for_model(table, config);
  plan.options.train = files.train.filename().string();
  plan.options.validation = {.file = files.validation.filename().string(), .share = 0};
  plan.options.test = files.test.filename().string();
  config.task.name = files.task.string();
  config.task.data_dir = folder.string();
  config.train = init::plan_training(std::count(parts.begin(), parts.end(), 0));
  if (plan.answers.kind == init::AnswerKind::kWholeLabels)
    config.eval.score = eval::Score::kTokenMean;

  write_atomically(files.train, init::split_lines(table, plan, parts, 0));
  write_atomically(files.validation, init::split_lines(table, plan, parts, 1));
  write_atomically(files.test, init::split_lines(table, plan, parts, 2));
  write_atomically(files.task,
                   init::task_yaml(plan.options, "The " + arguments.label + " of a text, from " +
                                                     arguments.data + "."));
  write_atomically(
      files.config,
      init::run_yaml(config, "Learns a soft prompt for the task in " + config.task.name +
                                 ".\n\n  incipit train " + files.config.string()));
  init::print_init_summary(std::cout, telemetry::Style::of_stdout(),
                           {.config = config,
                            .config_file = files.config.string(),
                            .table = table,
                            .plan = plan,
                            .parts = parts,
                            .warnings = warnings});
}

// Writes out a built-in recipe for editing.
void init_from_recipe(const InitArguments& arguments) {
  if (configs::find_file(configs::builtin_recipes(), arguments.recipe) == nullptr) {
    const auto known = configs::names(configs::builtin_recipes());
    throw ConfigError("init: there is no recipe '" + arguments.recipe + "', only " + join(known) +
                      did_you_mean(arguments.recipe, known));
  }
  const configs::RunConfig recipe = configs::load_run_config(arguments.recipe);
  const std::string name = run_name(arguments, arguments.recipe);
  configs::RunConfig config = run_config(arguments, name);
  config.model.dtype = recipe.model.dtype;
  config.method = recipe.method;
  config.task = recipe.task;
  config.train = recipe.train;
  config.eval = recipe.eval;
  const fs::path file = fs::path(arguments.output) / (name + ".yaml");
  refuse_existing(file, arguments);
  write_atomically(
      file, init::run_yaml(config, "A run to start from: the built-in recipe " + arguments.recipe +
                                       ". Every key: docs/configuration.md.\n\n"
                                       "  incipit train " +
                                       file.string()));
  init::print_next_steps(std::cout, telemetry::Style::of_stdout(), file.string(), config);
}

}  // namespace

void add_init_command(Command& program) {
  const auto arguments = std::make_shared<InitArguments>();
  Command* command = program.add_subcommand(
      "init", "Write a configuration to start from; with --data, for your own examples");
  command->add_option("--data", arguments->data, "your examples: .csv, .tsv, or JSON Lines")
      ->type_name("FILE");
  command->add_option("--text", arguments->text, "columns that the model reads: A or A,B")
      ->type_name("COLUMN")
      ->one_at_a_time();
  command->add_option("--label", arguments->label, "column with the label")->type_name("COLUMN");
  command->add_option("--output", arguments->output, "folder to write (default: the name)")
      ->type_name("DIR");
  command->add_option("--name", arguments->name, "name of the run (default: the file's name)")
      ->type_name("NAME");
  command->add_option("--recipe", arguments->recipe, "without --data: the recipe to start from")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--model", arguments->model, "model folder in Hugging Face layout")
      ->type_name("DIR")
      ->capture_default_str();
  command
      ->add_option("--validation", arguments->validation,
                   "share of examples in the validation split (0.15)")
      ->type_name("SHARE")
      ->between(0.01, 0.9, "0.01 to 0.9");
  command->add_option("--test", arguments->test, "share of examples in the test split (0.2)")
      ->type_name("SHARE")
      ->between(0.01, 0.9, "0.01 to 0.9");
  command->add_option("--seed", arguments->seed, "seed of the splits and the run")
      ->capture_default_str();
  command->add_flag("--force", arguments->force, "overwrite existing files");
  command->example(
      "incipit init --data configs/tasks/town_hall/train.jsonl --text text --label office "
      "--name my_offices");
  command->callback([arguments] {
    check_arguments(*arguments);
    if (arguments->data.empty()) {
      init_from_recipe(*arguments);
    } else {
      init_from_data(*arguments);
    }
  });
}

}  // namespace incipit::launcher
