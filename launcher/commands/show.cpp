#include "launcher/commands/show.h"

#include <array>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "configs/builtin.h"
#include "core/error.h"
#include "core/log.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/records.h"
#include "families/registry.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/distillation.h"
#include "launcher/json_output.h"
#include "launcher/model_check.h"
#include "methods/registry.h"
#include "model/weight_files.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct ShowArguments {
  ConfigArguments config;
  std::string split = "train";
  std::int64_t index = 0;
  bool ids = false;
  bool json = false;
};

// Loads a configuration, or just a task; the latter's model is set by --set model.path=...
configs::RunConfig load(const ConfigArguments& arguments) {
  const auto tasks = configs::builtin_tasks();
  std::error_code ignored;  // a path that cannot be looked at is none
  const bool task_alone =
      !fs::exists(arguments.config, ignored) &&
      configs::find_file(configs::builtin_recipes(), arguments.config) == nullptr &&
      configs::find_file(tasks, arguments.config) != nullptr;
  if (!task_alone) return load_one_task(arguments, check_options);
  return configs::parse_run_config("task: {name: " + arguments.config + "}\n", arguments.config,
                                   arguments.overrides, check_options);
}

// Returns the name of an output of the task's head.
std::string output_name(const data::Task& task, TokenId output) {
  return data::head_outputs(task.options()).at(static_cast<std::size_t>(output));
}

class Painter {
 public:
  Painter(const data::Task& task, const telemetry::Style& style, bool ids)
      : task_(task), style_(style), ids_(ids) {}

  // Returns the tokens' texts, separated by colour, or by | without colour.
  [[nodiscard]] std::string tokens(std::span<const TokenId> tokens) const {
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string piece = "[prompt]";
      if (tokens[i] >= 0) {
        piece =
            telemetry::visible(task_.tokenizer().decode({&tokens[i], 1}, /*skip_special=*/false));
      }
      if (ids_ && tokens[i] >= 0) piece.append("(").append(std::to_string(tokens[i])).append(")");
      if (!style_.colour() && i > 0) text += "|";
      text += style_.stripe(static_cast<int>(i), piece);
    }
    return text;
  }

  // Returns the rows of a segment. Consecutive soft prompt rows become one word.
  [[nodiscard]] std::string rows(const Forest& forest, Range range) const {
    std::string text;
    std::int64_t row = range.begin;
    while (row < range.end) {
      const bool prompt = forest.tokens[row] == Forest::kPromptToken;
      std::int64_t end = row + 1;
      while (end < range.end && (forest.tokens[end] == Forest::kPromptToken) == prompt) ++end;
      if (!text.empty()) text += "|";
      if (prompt) {
        text += style_.good("[soft prompt x " + std::to_string(end - row) + "]");
      } else {
        text += tokens({forest.tokens.data() + row, static_cast<std::size_t>(end - row)});
      }
      row = end;
    }
    return text;
  }

  // Returns the targets predicted after the rows of a segment.
  [[nodiscard]] std::string targets(const Forest& forest, Range range) const {
    std::string text;
    for (const Target& target : forest.targets) {
      if (target.row < range.begin || target.row >= range.end) continue;
      if (!text.empty()) text += " ";
      text += target_text(target.id) + style_.dim("@" + std::to_string(target.row));
    }
    return text;
  }

 private:
  [[nodiscard]] std::string target_text(TokenId id) const {
    return data::has_head(task_.options()) ? output_name(task_, id) : tokens({&id, 1});
  }
  const data::Task& task_;
  const telemetry::Style& style_;
  bool ids_;
};

void print_segments(const telemetry::Style& style, const Painter& painter, const Forest& forest) {
  std::cout << style.bold("segments") << style.dim("  (after ->: what is scored, @row)") << '\n';
  for (int s = 0; s < forest.segment_count(); ++s) {
    const Range rows = forest.rows(s);
    std::string place = std::to_string(s);
    if (forest.parent[s] >= 0) place += " below " + std::to_string(forest.parent[s]);
    const Range& resident = forest.resident[s].rows;
    if (!resident.empty()) {
      std::cout << "  " << style.dim(place) << "\n    "
                << style.good("[prefix x " + std::to_string(resident.size()) + "]") << '\n';
      continue;
    }
    place += ", rows " + std::to_string(rows.begin) + ".." + std::to_string(rows.end - 1);
    std::cout << "  " << style.dim(place) << '\n' << "    " << painter.rows(forest, rows);
    const std::string targets = painter.targets(forest, rows);
    if (!targets.empty()) std::cout << "\n    -> " << targets;
    std::cout << '\n';
  }
}

const data::Dataset& pick(const data::Splits& splits, const std::string& name) {
  if (name == "test") return splits.test;
  return name == "validation" ? splits.validation : splits.train;
}

// Returns the part of the record that belongs to this example.
data::Record record_of(const data::Task& task, const data::Dataset& split,
                       const data::Example& example, bool training) {
  const auto parts = task.expand(data::open_records(split.file())->at_line(example.line), training);
  return parts.at(static_cast<std::size_t>(example.part));
}

std::string label_of(const data::Task& task, const data::Example& example) {
  if (example.label >= 0 && !example.candidates->empty()) {
    return (*example.candidates)[static_cast<std::size_t>(example.label)].label;
  }
  if (example.scored) return "";  // its references say it
  if (example.label >= 0) return task.labels()[static_cast<std::size_t>(example.label)];
  return example.target.empty() ? "" : task.tokenizer().decode(example.target);
}

Forest forest_of(const data::Task& task, const data::Example& example, PromptRows prompt) {
  const std::array<const data::Example*, 1> one{&example};
  if (!example.candidates->empty()) return data::scoring_batch(task, one, prompt).packed.forest;
  if (!example.target.empty()) return data::pack_targets(task, one, prompt).forest;
  const std::array<Sequence, 1> question{data::source_sequence(task, example, prompt)};
  return pack(question).forest;
}

nlohmann::ordered_json token_json(const data::Task& task, TokenId id) {
  if (id < 0) return {{"id", nullptr}, {"text", "[prompt]"}};
  return {{"id", id}, {"text", task.tokenizer().decode({&id, 1}, /*skip_special=*/false)}};
}

nlohmann::ordered_json segment_json(const data::Task& task, const Forest& forest, int segment) {
  const Range rows = forest.rows(segment);
  nlohmann::ordered_json json{{"parent", forest.parent[segment]},
                              {"prefix_rows", forest.resident[segment].rows.size()},
                              {"first_row", rows.begin}};
  json["tokens"] = json["targets"] = nlohmann::ordered_json::array();
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    json["tokens"].push_back(token_json(task, forest.tokens[row]));
  }
  for (const Target& target : forest.targets) {
    if (target.row < rows.begin || target.row >= rows.end) continue;
    nlohmann::ordered_json& scored = json["targets"].emplace_back();
    if (data::has_head(task.options())) {
      scored["output"] = output_name(task, target.id);
    } else {
      scored = token_json(task, target.id);
    }
    scored["row"] = target.row;
  }
  return json;
}

void print_example_as_json(const configs::RunConfig& config, const data::Task& task,
                           const data::Dataset& split, const ShowArguments& arguments) {
  const data::Example example = split[arguments.index];
  const data::Record record = record_of(task, split, example, arguments.split == "train");
  const std::string label = label_of(task, example);
  nlohmann::ordered_json json{
      {"file", split.file()},
      {"line", example.line},
      {"idx", example.id},
      {"label", label.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(label)},
      {"references", example.references},
      {"source_tokens", example.source.size()},
      {"truncated", example.truncated},
      {"text", task.source_text(record)},
      {"segments", nlohmann::ordered_json::array()}};
  const Forest forest = forest_of(task, example, methods::prompt_rows(config.method));
  for (int segment = 0; segment < forest.segment_count(); ++segment) {
    json["segments"].push_back(segment_json(task, forest, segment));
  }
  print_json(json);
}

void print_example(const configs::RunConfig& config, const data::Task& task,
                   const data::Dataset& split, const ShowArguments& arguments) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  const Painter painter(task, style, arguments.ids);
  const data::Example example = split[arguments.index];
  const data::Record record = record_of(task, split, example, arguments.split == "train");
  const std::string label = label_of(task, example);
  telemetry::Facts facts{{"idx", example.id},
                         {"label", label.empty() ? "none" : telemetry::visible(label)},
                         {"source", std::to_string(example.source.size()) + " tokens" +
                                        (example.truncated ? ", cut" : "")}};
  for (const std::string& reference : example.references) {
    facts.emplace_back("right", telemetry::visible(reference));
  }
  std::cout << style.bold(split.file() + ":" + std::to_string(example.line)) << '\n';
  telemetry::print_facts(std::cout, style, facts);
  std::cout << style.bold("text") << '\n'
            << "  " << telemetry::visible(task.source_text(record)) << '\n';

  const PromptRows prompt = methods::prompt_rows(config.method);
  print_segments(style, painter, forest_of(task, example, prompt));
}

void run_show(const ShowArguments& arguments) {
  const configs::RunConfig config = load(arguments.config);
  log::configure("error");
  const fs::path model_dir = model::resolve_model_dir(config.model.path);
  data::Task task(config.task, data::load_task_model(model_dir, config.task,
                                                     limits_of(families::read_model(model_dir))));
  const data::Splits splits =
      data::load_splits(task, config.run.seed, methods::prompt_rows(config.method).rows,
                        {.train = arguments.split == "train",
                         .validation = arguments.split == "validation",
                         .test = arguments.split == "test",
                         .train_examples = config.train.examples,
                         .labelled = !distils(config)});
  const data::Dataset& split = pick(splits, arguments.split);
  if (split.empty()) {
    throw ConfigError("task." + arguments.split + ": the task has no " + arguments.split +
                      " split to show");
  }
  if (arguments.index >= split.size()) {
    throw ConfigError("--index " + std::to_string(arguments.index) + ": the " + arguments.split +
                      " split has " + std::to_string(split.size()) + " examples, from 0");
  }
  if (arguments.json) return print_example_as_json(config, task, split, arguments);
  print_example(config, task, split, arguments);
}

}  // namespace

void add_show_command(Command& program) {
  const auto arguments = std::make_shared<ShowArguments>();
  Command* command = program.add_subcommand("show", "Show a record as the model sees it");
  add_config_arguments(*command, arguments->config)
      ->description("a run's YAML, or the name of a built-in recipe or task");
  add_task_argument(*command, arguments->config);
  command->add_option("--index", arguments->index, "index of the example in the split, from 0")
      ->type_name("N")
      ->not_negative();
  command->add_option("--split", arguments->split, "train, validation or test (default: train)")
      ->type_name("SPLIT")
      ->one_of({"train", "validation", "test"});
  command->add_flag("--ids", arguments->ids, "write each token's id after it");
  add_json_flag(*command, arguments->json);
  command->example("incipit show configs/recipes/rte.yaml --index 3 --split test");
  command->callback([arguments] { run_show(*arguments); });
}

}  // namespace incipit::launcher
