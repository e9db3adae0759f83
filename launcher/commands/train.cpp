#include "launcher/commands/train.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "comm/launch.h"
#include "core/stop_request.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/learning_watch.h"
#include "launcher/memory_report.h"
#include "launcher/output.h"
#include "launcher/prompt_source.h"
#include "launcher/resume.h"
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

struct TrainArguments {
  ConfigArguments config;
  bool fresh = false;
};

std::string stopped_text(const trainer::TrainResult& result, const configs::RunConfig& config) {
  const auto folder = trainer::checkpoints_folder(config.run.output_dir);
  const std::string signal = *stop_signal() == '\0' ? "a signal" : stop_signal();
  return signal + ": stopped after step " + std::to_string(result.steps) + " of " +
         std::to_string(config.train.steps) + ", checkpoint in " +
         (folder / ("step-" + std::to_string(result.steps))).string() +
         "; start the same command again to go on";
}

// Collective. Resumes where the plan, which rank 0 made, says so.
void restore(const Session& session, const RunPlan& plan, trainer::Trainer& trainer) {
  const std::int64_t resumes = plan.checkpoint ? 1 : 0;
  if (session.world().all_reduce_max(resumes, "resume") == 0) return;
  trainer.restore(plan.checkpoint ? plan.checkpoint->state : trainer::TrainState{});
}

trainer::TrainResult train(const configs::RunConfig& config, const RunPlan& plan) {
  Session session = open_session(config, config.method.num_virtual_tokens, {});
  const std::filesystem::path run_dir(config.run.output_dir);
  const prompt::SoftPrompt start = start_prompt(session);
  const trainer::RunFacts facts = run_facts(session);
  metrics::LoggedUntil done;
  if (plan.checkpoint) {
    check_facts(*plan.checkpoint, facts);
    done = {.step = plan.checkpoint->state.step, .evaluation = plan.checkpoint->state.evaluated_at};
  }
  if (session.is_rank_zero()) prepare_run_dir(session, plan);
  session.world().barrier("run directory");
  start_watchdog(session);

  RunObserver observer(session, done);
  trainer::Trainer trainer({.backbone = *session.backbone,
                            .task = *session.task,
                            .splits = session.splits,
                            .mesh = *session.mesh,
                            .observer = observer,
                            .train = config.train,
                            .eval = config.eval,
                            .seed = config.run.seed,
                            .run_dir = run_dir,
                            .backbone_info = session.backbone_info,
                            .facts = facts},
                           start);
  restore(session, plan, trainer);
  const trainer::TrainResult result = trainer.run();
  if (!result.stopped) observer.finish();
  write_memory_report(session, run_dir);
  stop_watchdog(session);
  if (result.stopped || !session.is_rank_zero()) return result;
  print_result(session, result);
  const trainer::Diagnosis diagnosis = observer.learning().diagnose(session, result.best_step);
  print_diagnosis(std::cout, Style::of_stdout(), diagnosis);
  write_diagnosis(run_dir, diagnosis);
  mark_finished(run_dir, utc_now());
  return result;
}

void run_train(const TrainArguments& arguments) {
  const StopSignals signals(comm::read_launch().rank == 0);
  const configs::RunConfig config = load_config(arguments.config, check_training_options);
  RunPlan plan;
  if (comm::read_launch().rank == 0) plan = plan_run(config, arguments.fresh);
  const trainer::TrainResult result = train(config, plan);
  if (result.stopped) throw Stopped(stopped_text(result, config));  // once MPI is ended in order
}

}  // namespace

void add_train_command(CLI::App& app) {
  const auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Learn a soft prompt, or go on with it");
  add_config_arguments(*command, arguments->config);
  command->add_flag("--fresh", arguments->fresh,
                    "start anew; an unfinished run in the run directory is moved aside");
  add_example(*command, "mpirun -n 2 incipit train configs/recipes/rte.yaml --set train.steps=50");
  command->callback([arguments] { run_train(*arguments); });
}

}  // namespace incipit::launcher
