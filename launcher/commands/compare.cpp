#include "launcher/commands/compare.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "comm/agreement.h"
#include "configs/builtin.h"
#include "configs/templates.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "eval/calibration.h"
#include "eval/evaluation.h"
#include "eval/order_figures.h"
#include "eval/results.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"
#include "launcher/score_cells.h"
#include "launcher/session.h"
#include "telemetry/output.h"
#include "telemetry/progress.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct CompareArguments {
  ConfigArguments config;
  std::string templates;
  std::string output;
  bool json = false;
};

// Loads a configuration that can compare prompt templates, for the model without a soft prompt.
configs::RunConfig load_comparison(const CompareArguments& arguments) {
  configs::RunConfig config = load_one_task(
      arguments.config, [](const configs::RunConfig& read, const configs::Report& report) {
        check_text_options(read, report);
        if (read.task.validation.file.empty() && read.task.validation.share == 0) {
          report("task.validation", "missing; templates are compared on the validation split");
        }
        if (read.task.test.empty()) {
          report("task.test", "missing; the best template is scored on the test split");
        }
      });
  config.method = methods::MethodOptions();
  config.method.kind = methods::kNoMethod;
  if (arguments.output.empty()) {
    config.run.output_dir += "-template";
  } else {
    config.run.output_dir = arguments.output;
  }
  return config;
}

// Returns the requested list, or the built-in one of the task.
configs::TemplatesText find_templates(const std::string& asked, const std::string& task_name) {
  if (!asked.empty()) return configs::read_templates(asked);
  const auto known = configs::builtin_templates();
  if (configs::find_file(known, task_name) == nullptr) {
    throw ConfigError(
        "--templates is missing: for this task none are built in; give a YAML list of {name, "
        "template} with, where they differ from the task's, format, verbalizer and system "
        "(configs/templates/town_hall.yaml is one)");
  }
  return configs::read_templates(task_name);
}

void check_template(const data::TaskOptions& task, const configs::Report& report) {
  for (const OptionProblem& problem : data::validate(task)) report(problem.key, problem.message);
}

std::string format_name(data::Format format) {
  return format == data::Format::kChat ? "chat" : "raw";
}

std::optional<double> format_share(const eval::Scores& scores) {
  return scores.predictions.empty() ? std::nullopt : std::optional(scores.on_format);
}

// Returns the calibration error of scored candidates; nothing for generated answers.
std::optional<double> error_of(const Session& session, const eval::Scores& scores) {
  if (scores.scores.empty()) return std::nullopt;
  std::vector<int> labels;
  for (const data::Example& example : session.splits().validation) labels.push_back(example.label);
  return eval::calibration_error(scores.scores, labels);
}

// Reads the validation split with a template.
void use_template(Session& session, const configs::PromptTemplate& prompt_template) {
  try {
    change_task(session, prompt_template.task, {.train = false, .validation = true, .test = false});
  } catch (const DataError& error) {
    throw DataError("template '" + prompt_template.name + "': " + error.what());
  }
  if (session.splits().validation.labelled()) return;
  throw DataError(
      session.splits().validation.file() +
      ": an example has no label; comparing templates needs the label of every example");
}

std::vector<eval::TemplateScore> score_all(Session& session,
                                           const std::vector<configs::PromptTemplate>& templates) {
  std::unique_ptr<telemetry::Progress> progress;
  const auto count = static_cast<std::int64_t>(templates.size());
  if (session.is_rank_zero()) progress = std::make_unique<telemetry::Progress>("templates", count);
  std::vector<eval::TemplateScore> scored;
  for (const configs::PromptTemplate& prompt_template : templates) {
    use_template(session, prompt_template);
    auto result =
        eval::evaluate(methods::PromptedModel(*session.backbone), *session.task,
                       session.splits().validation, session.config.eval, session.mesh->batch());
    scored.push_back({prompt_template.name, std::move(result.metrics), std::move(result.intervals),
                      format_share(result.scores), error_of(session, result.scores)});
    if (progress) progress->update(static_cast<std::int64_t>(scored.size()));
  }
  if (progress) progress->finish();
  return scored;
}

std::vector<std::size_t> rank_templates(const data::Task& task,
                                        const std::vector<eval::TemplateScore>& scored) {
  std::vector<eval::Metrics> metrics;
  for (const eval::TemplateScore& each : scored) metrics.push_back(each.metrics);
  return eval::ranking(metrics, eval::metric_names(task).front());
}

std::string cell(const std::optional<double>& value) {
  return value ? telemetry::fixed(*value, 4) : "-";
}

void print_comparison(const Session& session, const std::vector<configs::PromptTemplate>& templates,
                      const std::vector<eval::TemplateScore>& scored,
                      const std::vector<std::size_t>& order, std::int64_t examples,
                      const std::optional<eval::ConstantAnswer>& constant) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  std::cout << style.bold(std::to_string(templates.size()) + " templates") << " on "
            << telemetry::grouped(examples) << " validation examples\n";
  std::vector<std::string> header{"template", "format"};
  add_score_heads(header, *session.task);
  const bool candidates = scored.front().calibration_error.has_value();
  header.emplace_back("on format");
  if (candidates) header.emplace_back("calibration error");
  telemetry::Table table(header);
  for (const std::size_t index : order) {
    std::vector<std::string> row{scored[index].name, format_name(templates[index].task.format)};
    add_scores(row, *session.task, scored[index].metrics, scored[index].intervals);
    row.push_back(cell(scored[index].on_format));
    if (candidates) row.push_back(cell(scored[index].calibration_error));
    table.add(std::move(row));
  }
  if (constant) {
    std::vector<std::string> row{"majority", "-"};
    add_scores(row, *session.task, constant->metrics, {});
    row.insert(row.end(), candidates ? 2 : 1, "-");
    table.add(std::move(row));
  }
  table.print(std::cout, style);
}

// Says whether the interval of the deciding metric is above the constant answer's score. Both are
// of the test split: on the validation split, the best of several templates is partly the luckiest.
std::string beside_majority(const eval::SplitResult& test, const eval::ConstantAnswer& constant) {
  const std::string& metric = constant.metrics.front().first;
  const double majority = constant.metrics.front().second;
  std::string text = "always '" + telemetry::visible(constant.answer) + "' has " + metric + " " +
                     telemetry::fixed(majority, 4) + " on test";
  for (const auto& [name, interval] : test.intervals) {
    if (name != metric) continue;
    if (interval.low > majority) return text + "; the best template is surely above";
    if (interval.high < majority) return text + "; the best template is below";
    return text + "; undecided: the interval of the best template includes it";
  }
  return text;
}

// "mean 0.41 (sd 0.08), 0.30 to 0.57"; empty for a single template.
std::string spread_text(const std::vector<eval::TemplateScore>& scored) {
  if (scored.size() < 2) return "";
  std::vector<double> values;
  for (const eval::TemplateScore& each : scored) values.push_back(each.metrics.front().second);
  const eval::Spread spread = eval::spread_of(values);
  return scored.front().metrics.front().first + ": mean " + telemetry::fixed(spread.mean, 4) +
         " (sd " + telemetry::fixed(spread.deviation, 4) + "), " +
         telemetry::fixed(spread.lowest, 4) + " to " + telemetry::fixed(spread.highest, 4);
}

// "accuracy 0.5274 (95 %: 0.4580 to 0.5950), macro_f1 0.4100"
std::string scores_text(const eval::SplitResult& test) {
  std::string text;
  for (const auto& [metric, value] : test.metrics) {
    text += (text.empty() ? "" : ", ") + metric + " " + telemetry::fixed(value, 4);
    for (const auto& [name, interval] : test.intervals) {
      if (name != metric) continue;
      text += " (95 %: " + telemetry::fixed(interval.low, 4) + " to " +
              telemetry::fixed(interval.high, 4) + ")";
    }
  }
  return text;
}

void print_best(const Session& session, const std::string& name, const std::string& spread,
                const eval::SplitResult& test) {
  telemetry::Facts facts{{"best", name}};
  if (!spread.empty()) facts.emplace_back("spread", spread);
  const data::Dataset& examples = session.splits().test;
  facts.emplace_back("its test",
                     scores_text(test) + ", " + telemetry::grouped(examples.size()) + " examples");
  const auto constant = examples.labelled() ? eval::constant_answer(*session.task, examples)
                                            : std::optional<eval::ConstantAnswer>();
  if (constant && !constant->metrics.empty()) {
    facts.emplace_back("majority", beside_majority(test, *constant));
  }
  facts.emplace_back("run", session.config.run.output_dir);
  telemetry::print_facts(std::cout, telemetry::Style::of_stdout(), facts);
}

void run_compare(const CompareArguments& arguments) {
  configs::RunConfig config = load_comparison(arguments);
  const configs::TemplatesText list = find_templates(arguments.templates, config.task.name);
  const auto templates = configs::parse_templates(list, config.task, check_template);
  config.task = templates.front().task;
  Session session = open_session(config, 0, {.train = false, .validation = true, .test = true});
  comm::require_same(session.world(), "templates", list.text);

  const std::vector<eval::TemplateScore> scored = score_all(session, templates);
  const std::vector<std::size_t> order = rank_templates(*session.task, scored);
  const std::size_t best = order.front();
  change_task(session, templates[best].task, {.train = false, .validation = true, .test = true});
  const data::Splits& splits = session.splits();
  const auto constant = eval::constant_answer(*session.task, splits.validation);
  if (session.is_rank_zero() && !arguments.json) {
    print_comparison(session, templates, scored, order, splits.validation.size(), constant);
  }
  const eval::SplitResult test =
      eval::evaluate(methods::PromptedModel(*session.backbone), *session.task, splits.test,
                     session.config.eval, session.mesh->batch());
  if (!session.is_rank_zero()) return;
  const fs::path run_dir(session.config.run.output_dir);
  lock_run_dir(run_dir, LockFile::kExisting);
  make_run_dir(run_dir);
  lock_run_dir(run_dir, LockFile::kCreate);
  describe_run(run_dir, configs::resolved_yaml(session.config), manifest(session, "compare"));
  eval::write_templates(run_dir, splits.validation, "validation", scored, best, constant);
  const eval::NamedResult result{"test", &splits.test, &test};
  eval::write_results(run_dir, std::span(&result, 1));
  if (arguments.json) {
    nlohmann::ordered_json json{{"run", run_dir.string()}};
    const fs::path written = run_dir / "templates.json";
    json.update(parse_json_of<nlohmann::ordered_json>(written, read_text(written)));
    json["test"] = scores_json(test.metrics, test.intervals);
    return print_json(json);
  }
  print_best(session, scored[best].name, spread_text(scored), test);
}

}  // namespace

void add_compare_command(Command& program) {
  const auto arguments = std::make_shared<CompareArguments>();
  Command* command = program.add_subcommand(
      "compare", "Score templates of a task on its validation split, and the best one on test");
  add_config_arguments(*command, arguments->config);
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--templates", arguments->templates,
                   "a YAML list of templates, or the name of a built-in one (default: the task's)")
      ->type_name("FILE");
  command
      ->add_option("--output", arguments->output,
                   "run directory of the best template (default: run.output_dir with -template)")
      ->type_name("DIR");
  add_json_flag(*command, arguments->json);
  command->example("mpirun -n 2 incipit compare configs/recipes/town_hall.yaml");
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace incipit::launcher
