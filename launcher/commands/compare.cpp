#include "launcher/commands/compare.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "comm/agreement.h"
#include "configs/builtin.h"
#include "configs/wordings.h"
#include "core/error.h"
#include "eval/evaluation.h"
#include "eval/results.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/output.h"
#include "launcher/run_dir.h"
#include "launcher/score_cells.h"
#include "launcher/session.h"
#include "metrics/progress.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct CompareArguments {
  ConfigArguments config;
  std::string wordings;
  std::string output;
};

// Loads a configuration that can compare prompt templates, for the model without a soft prompt.
configs::RunConfig load_comparison(const CompareArguments& arguments) {
  configs::RunConfig config = load_one_task(
      arguments.config, [](const configs::RunConfig& read, const configs::Report& report) {
        check_options(read, report);
        if (read.task.select.file.empty() && read.task.select.share == 0) {
          report("task.select", "missing; wordings are compared on the select split");
        }
        if (read.task.test.empty()) {
          report("task.test", "missing; the best wording is scored on the test split");
        }
      });
  config.method = prompt::PromptOptions();
  config.method.kind = prompt::MethodKind::kNone;
  if (arguments.output.empty()) {
    config.run.output_dir += "-wording";
  } else {
    config.run.output_dir = arguments.output;
  }
  return config;
}

// Returns the requested list, or the built-in one of the task.
configs::WordingsText find_wordings(const std::string& asked, const std::string& task_name) {
  if (!asked.empty()) return configs::read_wordings(asked);
  const auto known = configs::builtin_wordings();
  if (configs::find_file(known, task_name) == nullptr) {
    throw ConfigError(
        "--wordings is missing: for this task none are built in; give a YAML list of {name, "
        "template} with, where they differ from the task's, format, verbalizer and system "
        "(configs/wordings/town_hall.yaml is one)");
  }
  return configs::read_wordings(task_name);
}

void check_wording(const data::TaskOptions& task, const configs::Report& report) {
  for (const OptionProblem& problem : data::validate(task)) report(problem.key, problem.message);
}

std::string format_name(data::Format format) {
  return format == data::Format::kChat ? "chat" : "raw";
}

std::vector<eval::WordingScore> score_all(Session& session,
                                          const std::vector<configs::Wording>& wordings) {
  std::unique_ptr<metrics::Progress> progress;
  const auto count = static_cast<std::int64_t>(wordings.size());
  if (session.is_rank_zero()) progress = std::make_unique<metrics::Progress>("wordings", count);
  std::vector<eval::WordingScore> scored;
  for (const configs::Wording& wording : wordings) {
    change_task(session, wording.task, {.train = false, .select = true, .test = false});
    if (!session.splits().select.labelled()) {
      throw DataError(session.splits().select.file() +
                      ": an example has no label, and wordings are compared by what is right");
    }
    auto result = eval::evaluate(*session.backbone, *session.task, session.splits().select, {},
                                 session.config.eval, session.mesh->batch());
    scored.push_back({wording.name, std::move(result.metrics), std::move(result.intervals)});
    if (progress) progress->update(static_cast<std::int64_t>(scored.size()));
  }
  if (progress) progress->finish();
  return scored;
}

std::vector<std::size_t> rank_wordings(const data::Task& task,
                                       const std::vector<eval::WordingScore>& scored) {
  std::vector<eval::Metrics> metrics;
  for (const eval::WordingScore& each : scored) metrics.push_back(each.metrics);
  return eval::ranking(metrics, eval::metric_names(task).front());
}

void print_comparison(const Session& session, const std::vector<configs::Wording>& wordings,
                      const std::vector<eval::WordingScore>& scored,
                      const std::vector<std::size_t>& order, std::int64_t examples) {
  const Style style = Style::of_stdout();
  std::cout << style.bold(std::to_string(wordings.size()) + " wordings") << " on "
            << grouped(examples) << " select examples\n";
  std::vector<std::string> header{"wording", "format"};
  add_score_heads(header, *session.task);
  Table table(header);
  for (const std::size_t index : order) {
    std::vector<std::string> row{scored[index].name, format_name(wordings[index].task.format)};
    add_scores(row, *session.task, scored[index].metrics, scored[index].intervals);
    table.add(std::move(row));
  }
  table.print(std::cout, style);
}

void print_best(const Session& session, const std::string& name, const eval::SplitResult& test) {
  std::string scores;
  for (const auto& [metric, value] : test.metrics) {
    scores.append(scores.empty() ? "" : ", ").append(metric).append(" ").append(fixed(value, 4));
  }
  print_facts(std::cout, Style::of_stdout(),
              {{"best", name}, {"its test", scores}, {"run", session.config.run.output_dir}});
}

void run_compare(const CompareArguments& arguments) {
  configs::RunConfig config = load_comparison(arguments);
  const configs::WordingsText list = find_wordings(arguments.wordings, config.task.name);
  const auto wordings = configs::parse_wordings(list, config.task, check_wording);
  config.task = wordings.front().task;
  Session session = open_session(config, 0, {.train = false, .select = true, .test = true});
  comm::require_same(session.world(), "wordings", list.text);

  const std::vector<eval::WordingScore> scored = score_all(session, wordings);
  const std::vector<std::size_t> order = rank_wordings(*session.task, scored);
  const std::size_t best = order.front();
  change_task(session, wordings[best].task, {.train = false, .select = true, .test = true});
  const data::Splits& splits = session.splits();
  if (session.is_rank_zero()) {
    print_comparison(session, wordings, scored, order, splits.select.size());
  }
  const eval::SplitResult test = eval::evaluate(*session.backbone, *session.task, splits.test, {},
                                                session.config.eval, session.mesh->batch());
  if (!session.is_rank_zero()) return;
  const fs::path run_dir(session.config.run.output_dir);
  make_run_dir(run_dir);
  describe_run(run_dir, configs::resolved_yaml(session.config), manifest(session, "compare"));
  eval::write_wordings(run_dir, splits.select, "select", scored, best);
  const eval::NamedResult result{"test", &splits.test, &test};
  eval::write_results(run_dir, std::span(&result, 1));
  print_best(session, wordings[best].name, test);
}

}  // namespace

void add_compare_command(CLI::App& app) {
  const auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand(
      "compare", "Score wordings of a task on its select split, and the best one on test");
  add_config_arguments(*command, arguments->config);
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--wordings", arguments->wordings,
                   "a YAML list of wordings, or the name of a built-in one (default: the task's)")
      ->type_name("FILE");
  command
      ->add_option("--output", arguments->output,
                   "run directory of the best wording (default: run.output_dir with -wording)")
      ->type_name("DIR");
  add_example(*command, "mpirun -n 2 incipit compare configs/recipes/town_hall.yaml");
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace incipit::launcher
