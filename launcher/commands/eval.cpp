#include "launcher/commands/eval.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "core/error.h"
#include "eval/evaluation.h"
#include "eval/results.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/evaluation_progress.h"
#include "launcher/output.h"
#include "launcher/prompt_source.h"
#include "launcher/run_dir.h"
#include "launcher/score_cells.h"
#include "launcher/session.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct EvalArguments {
  ConfigArguments config;
  fs::path adapter;
  std::vector<std::string> splits{"test"};
};

bool asks_for(const EvalArguments& arguments, const std::string& split) {
  return std::find(arguments.splits.begin(), arguments.splits.end(), split) !=
         arguments.splits.end();
}

const data::Dataset& split_of(const Session& session, const std::string& name) {
  const data::Splits& splits = session.splits;
  const data::Dataset& split =
      name == "train" ? splits.train : (name == "select" ? splits.select : splits.test);
  if (split.empty()) {
    throw ConfigError("task." + name + ": the task has no " + name + " split to score");
  }
  return split;
}

void print_scores(const Session& session, const std::vector<eval::NamedResult>& results) {
  const Style style = Style::of_stdout();
  std::vector<std::string> header{"split", "examples"};
  add_score_heads(header, *session.task);
  Table table(header);
  for (const eval::NamedResult& named : results) {
    std::vector<std::string> row{named.split, grouped(named.dataset->size())};
    add_scores(row, *session.task, named.result->metrics, named.result->intervals);
    table.add(std::move(row));
  }
  table.print(std::cout, style);
  print_facts(std::cout, style, {{"run", session.config.run.output_dir}});
}

void write_run(const Session& session, const std::vector<eval::NamedResult>& results) {
  const fs::path run_dir(session.config.run.output_dir);
  if (!is_run_dir(run_dir)) {
    make_run_dir(run_dir);
    describe_run(run_dir, configs::resolved_yaml(session.config), manifest(session, "eval"));
  }
  eval::write_results(run_dir, results);
}

void run_eval(const EvalArguments& arguments) {
  const configs::RunConfig config = load_config(arguments.config, check_options);
  const auto trained = trained_prompt(config, arguments.adapter);
  const std::int64_t rows = trained ? trained->prompt.rows() : 0;
  Session session = open_session(config, rows,
                                 {.train = asks_for(arguments, "train"),
                                  .select = asks_for(arguments, "select"),
                                  .test = asks_for(arguments, "test")});
  const auto values = values_for(session, trained, arguments.adapter);
  std::vector<eval::SplitResult> scored;
  std::vector<eval::NamedResult> results;
  scored.reserve(arguments.splits.size());  // results point into it
  EvaluationProgress progress(session.is_rank_zero());
  for (const std::string& name : arguments.splits) {
    const data::Dataset& split = split_of(session, name);
    scored.push_back(eval::evaluate(*session.backbone, *session.task, split, values, config.eval,
                                    session.mesh->batch(), progress.titled(name)));
    progress.end();
    results.push_back({name, &split, &scored.back()});
  }
  if (!session.is_rank_zero()) return;
  write_run(session, results);
  print_scores(session, results);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  const auto arguments = std::make_shared<EvalArguments>();
  CLI::App* command = app.add_subcommand("eval", "Score a prompt, or the model without one");
  add_config_arguments(*command, arguments->config);
  command
      ->add_option("--adapter", arguments->adapter,
                   "PEFT folder or .npy (default: adapter/best of the run directory)")
      ->type_name("PATH");
  command->add_option("--split", arguments->splits, "train, select or test (default: test)")
      ->type_name("SPLIT")
      ->check(CLI::IsMember({"train", "select", "test"}));
  add_example(*command,
              "incipit eval configs/recipes/rte.yaml --adapter runs/rte/adapter/last --split test");
  command->callback([arguments] { run_eval(*arguments); });
}

}  // namespace incipit::launcher
