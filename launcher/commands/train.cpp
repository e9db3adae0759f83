#include "launcher/commands/train.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/learning_watch.h"
#include "launcher/output.h"
#include "launcher/prompt_source.h"
#include "launcher/run_dir.h"
#include "launcher/run_observer.h"
#include "launcher/session.h"
#include "trainer/trainer.h"

namespace incipit::launcher {
namespace {

void print_result(const Session& session, const trainer::TrainResult& result) {
  const Style style = Style::of_stdout();
  std::cout << style.bold(session.config.run.name) << ": " << grouped(result.steps) << " steps"
            << (result.stopped_early ? ", stopped early" : "") << ", last loss "
            << fixed(result.last_loss, 4) << '\n';
  Facts facts;
  if (result.best_score) {
    std::string metric = session.config.train.early_stop.metric;
    if (metric.empty()) metric = eval::metric_names(*session.task).front();
    facts.emplace_back(
        "best prompt",
        "step " + grouped(result.best_step) + ", select " + metric + " " +
            fixed(eval::higher_is_better(metric) ? *result.best_score : -*result.best_score, 4));
  }
  std::string test;
  for (const auto& [name, value] : result.test) {
    test.append(test.empty() ? "" : ", ").append(name).append(" ").append(fixed(value, 4));
  }
  if (!test.empty()) facts.emplace_back("test", test);
  facts.emplace_back("run", session.config.run.output_dir);
  print_facts(std::cout, style, facts);
}

void run_train(const ConfigArguments& arguments) {
  const configs::RunConfig config = load_config(arguments, check_training_options);
  Session session = open_session(config, config.method.num_virtual_tokens, {});
  const std::filesystem::path run_dir(config.run.output_dir);
  const prompt::SoftPrompt start = start_prompt(session);
  if (session.is_rank_zero()) {
    make_run_dir(run_dir);
    describe_run(run_dir, configs::resolved_yaml(config), manifest(session, "train"));
  }
  session.world().barrier("run directory");
  start_watchdog(session);

  RunObserver observer(session);
  trainer::Trainer trainer({.backbone = *session.backbone,
                            .task = *session.task,
                            .splits = session.splits,
                            .mesh = *session.mesh,
                            .observer = observer,
                            .train = config.train,
                            .eval = config.eval,
                            .seed = config.run.seed,
                            .run_dir = run_dir,
                            .backbone_info = session.backbone_info},
                           start);
  const trainer::TrainResult result = trainer.run();
  observer.finish();
  stop_watchdog(session);
  if (!session.is_rank_zero()) return;
  print_result(session, result);
  const trainer::Diagnosis diagnosis = observer.learning().diagnose(session, result.best_step);
  print_diagnosis(std::cout, Style::of_stdout(), diagnosis);
  write_diagnosis(run_dir, diagnosis);
}

}  // namespace

void add_train_command(CLI::App& app) {
  const auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand("train", "Learn a soft prompt");
  add_config_arguments(*command, *arguments);
  add_example(*command, "mpirun -n 2 incipit train configs/recipes/rte.yaml --set train.steps=50");
  command->callback([arguments] { run_train(*arguments); });
}

}  // namespace incipit::launcher
