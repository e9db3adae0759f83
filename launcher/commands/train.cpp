#include "launcher/commands/train.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/launch.h"
#include "core/stop_request.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/distillation.h"
#include "launcher/graphs_choice.h"
#include "launcher/json_output.h"
#include "launcher/learning_watch.h"
#include "launcher/memory_report.h"
#include "launcher/mixture_report.h"
#include "launcher/model_card.h"
#include "launcher/profiling.h"
#include "launcher/prompt_source.h"
#include "launcher/resume.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"
#include "launcher/run_observer.h"
#include "launcher/session.h"
#include "methods/registry.h"
#include "report/sweep.h"
#include "telemetry/output.h"
#include "trainer/diagnosis_file.h"
#include "trainer/trainer.h"

namespace incipit::launcher {
namespace {

// "step 75, validation accuracy 0.6100"
std::string best_text(const trainer::TaskResult& task) {
  return "step " + telemetry::grouped(task.best_step) + ", validation " + task.metric + " " +
         telemetry::fixed(*task.best_score, 4);
}

void add_result(telemetry::Facts& facts, const char* trained, const trainer::TaskResult& task) {
  if (task.best_score) facts.emplace_back(std::string("best ") + trained, best_text(task));
  std::string test;
  for (const auto& [name, value] : task.test) {
    test.append(test.empty() ? "" : ", ")
        .append(name)
        .append(" ")
        .append(telemetry::fixed(value, 4));
  }
  if (!test.empty()) facts.emplace_back("test", test);
}

// Adds the results of several tasks.
void add_results(telemetry::Facts& facts, const Session& session,
                 const trainer::TrainResult& result) {
  std::string best;
  std::vector<TaskScores> scores;
  for (std::size_t i = 0; i < result.tasks.size(); ++i) {
    const data::LoadedTask& task = session.tasks[i];
    const trainer::TaskResult& own = result.tasks[i];
    if (own.best_score) {
      best.append(best.empty() ? "" : "\n").append(task.name).append(": ").append(best_text(own));
    }
    if (!own.test.empty())
      scores.push_back({&task, "test", task.splits.test.size(), &own.test, &own.test_intervals});
  }
  if (!scores.empty()) print_task_scores(std::cout, telemetry::Style::of_stdout(), scores);
  if (!best.empty()) facts.emplace_back("best prompts", best);
  const std::int64_t bytes =
      methods::trained_numbers(session.config.method, session.backbone->spec()) *
      static_cast<std::int64_t>(sizeof(float));
  const std::vector<std::int64_t> prompts(
      configs::has_several_prompts(session.config) ? session.tasks.size() : 1, bytes);
  facts.emplace_back("prompts", prompt_cost(prompts, session.tasks.size(), session.parameters));
}

// `distillation`: null without one.
void print_result(const Session& session, const trainer::TrainResult& result,
                  const Distillation* distillation) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  std::cout << style.bold(session.config.run.name) << ": " << telemetry::grouped(result.steps)
            << " steps" << (result.stopped_early ? ", stopped early" : "") << ", last loss "
            << telemetry::fixed(result.last_loss, 4) << '\n';
  telemetry::Facts facts;
  if (!session.config.sweep.empty()) {
    report::print_sweep(std::cout, style, report::read_sweep(session.config.run.output_dir));
  } else if (session.mixes()) {
    add_results(facts, session, result);
  } else {
    const bool is_model = methods::trains_backbone(session.config.method);
    add_result(facts, is_model ? "model" : "prompt", result.tasks.front());
  }
  if (distillation != nullptr) distillation->add_facts(facts);
  facts.emplace_back("run", session.config.run.output_dir);
  telemetry::print_facts(std::cout, style, facts);
}

// Returns a score by its name; nothing if there is none.
std::optional<double> score_of(const eval::Metrics& metrics, const std::string& name) {
  for (const auto& [metric, value] : metrics) {
    if (metric == name) return value;
  }
  return std::nullopt;
}

// Returns the results of a sweep.
report::Sweep sweep_of(const Session& session, const trainer::TrainResult& result) {
  report::Sweep sweep;
  sweep.name = session.config.run.name;
  sweep.metric = result.tasks.front().metric;
  sweep.higher_is_better = eval::higher_is_better(sweep.metric);
  const auto members = configs::members(session.config);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const trainer::TaskResult& own = result.tasks[i];
    sweep.members.push_back({.name = members[i].name,
                             .setting = members[i].setting,
                             .best_step = own.best_step,
                             .validation = own.best_score,
                             .test = score_of(own.test, sweep.metric)});
  }
  for (const eval::Ensemble& each : result.ensembles) {
    const auto vote = score_of(each.vote.metrics, sweep.metric);
    const auto mean = score_of(each.mean.metrics, sweep.metric);
    if (vote && mean) sweep.ensembles.push_back({each.name, *vote, *mean});
  }
  return sweep;
}

// What print_result() says, with the diagnoses.
void print_as_json(const Session& session, const trainer::TrainResult& result,
                   const std::filesystem::path& run_dir) {
  nlohmann::ordered_json json{{"run", run_dir.string()},
                              {"name", session.config.run.name},
                              {"steps", result.steps},
                              {"stopped_early", result.stopped_early},
                              {"last_loss", result.last_loss}};
  for (std::size_t i = 0; i < result.tasks.size(); ++i) {
    const trainer::TaskResult& own = result.tasks[i];
    nlohmann::ordered_json& task = json["tasks"][session.tasks[i].name];
    task["best_step"] = own.best_step;
    if (own.best_score) task["validation"] = {{own.metric, *own.best_score}};
    if (!own.test.empty()) task["test"] = scores_json(own.test, own.test_intervals);
  }
  for (const eval::Ensemble& each : result.ensembles) {
    nlohmann::ordered_json& ensemble = json["ensembles"][each.name];
    ensemble["vote"] = scores_json(each.vote.metrics, each.vote.intervals);
    ensemble["mean_probability"] = scores_json(each.mean.metrics, each.mean.intervals);
  }
  for (const std::string name : {"distillation", "diagnosis"}) {
    const std::filesystem::path file = run_dir / (name + ".json");
    if (!std::filesystem::exists(file)) continue;
    json[name] = parse_json_of<nlohmann::ordered_json>(file, read_text(file));
  }
  print_json(json);
}

void judge(const Session& session, const RunObserver& observer, const trainer::TrainResult& result,
           bool prints) {
  std::vector<std::pair<std::string, trainer::Diagnosis>> diagnoses;
  prints = prints && session.config.sweep.empty();  // one for each member would be many
  for (std::size_t i = 0; i < session.tasks.size(); ++i) {
    const data::LoadedTask& task = session.tasks[i];
    diagnoses.emplace_back(task.name,
                           observer.learning(i).diagnose(session, task, result.tasks[i].best_step));
    if (!prints) continue;
    print_diagnosis(std::cout, telemetry::Style::of_stdout(), session.mixes() ? task.name : "",
                    diagnoses.back().second);
  }
  trainer::write_diagnoses(std::filesystem::path(session.config.run.output_dir) / "diagnosis.json",
                           diagnoses);
}

struct TrainArguments {
  ConfigArguments config;
  bool fresh = false;
  bool resume = false;
  bool json = false;
  std::optional<std::int64_t> seed{};
};

// The signal may have reached only other ranks.
std::string signal_name() { return *stop_signal() == '\0' ? "a signal" : stop_signal(); }

std::string stopped_text(const trainer::TrainResult& result, const configs::RunConfig& config) {
  const auto folder = trainer::checkpoints_folder(config.run.output_dir);
  return signal_name() + ": stopped after step " + std::to_string(result.steps) + " of " +
         std::to_string(config.train.steps) + ", checkpoint in " +
         (folder / ("step-" + std::to_string(result.steps))).string() +
         "; start the same command again to continue";
}

// Resumes if the plan, which rank 0 made, says so. Collective.
void restore(const Session& session, const RunPlan& plan, trainer::Trainer& trainer) {
  const std::int64_t resumes = plan.checkpoint ? 1 : 0;
  if (session.world().all_reduce_max(resumes, "resume") == 0) return;
  trainer.restore(plan.checkpoint ? plan.checkpoint->state : trainer::TrainState{});
}

// From here on a signal ends the run with a checkpoint; before, it ended the process. No rank
// writes anything before all have reached this point. Throws Stopped. Collective.
void begin_to_write(Session& session) {
  session.world().barrier("start");
  on_stop_signal(OnSignal::kStop);
  if (session.world().all_reduce_max(std::int64_t{stop_requested()}, "start") == 0) return;
  throw Stopped(signal_name() +
                ": stopped while starting, nothing was written; start the same command again");
}

std::vector<trainer::SweepMember> sweep_members(const configs::RunConfig& config) {
  std::vector<trainer::SweepMember> members;
  for (const configs::SweepMember& member : configs::members(config)) {
    members.push_back({member.setting, member.lr, member.seed});
  }
  return members;
}

// Returns the distillation of a run, whose answers the session's splits then have; null if the run
// has another loss. Collective.
std::unique_ptr<Distillation> start_distillation(Session& session, const RunPlan& plan) {
  if (!distils(session.config)) return nullptr;
  try {
    return std::make_unique<Distillation>(session, plan.kind == RunPlan::Kind::kResume);
  } catch (const Stopped& stopped) {
    throw Stopped(signal_name() + ": " + stopped.what());
  }
}

// Writes and prints the results of a finished run. For rank 0.
void write_results(const Session& session, const RunObserver& observer,
                   const trainer::TrainResult& result, const Distillation* distillation,
                   bool json) {
  const std::filesystem::path run_dir(session.config.run.output_dir);
  write_model_cards(session, result, run_dir);
  if (!session.config.sweep.empty()) report::write_sweep(run_dir, sweep_of(session, result));
  if (!json) print_result(session, result, distillation);
  judge(session, observer, result, /*prints=*/!json);
  if (json) print_as_json(session, result, run_dir);
  mark_finished(run_dir, utc_now());
}

// Sets config.train.steps to the number of steps, which train.epochs may decide.
trainer::TrainResult train(configs::RunConfig& config, const RunPlan& plan, bool json) {
  Session session = open_session(config, prompt_rows_of(config), {}, check_starts);
  config.train.steps =
      trainer::steps_to_train(config.train, session.tasks.front().splits.train.size());
  trainer::require_warmup_within_steps(config.train);
  session.config.train.steps = config.train.steps;
  const std::filesystem::path run_dir(config.run.output_dir);
  const std::vector<std::shared_ptr<methods::Trainable>> start = start_prompts(session);
  const trainer::RunFacts facts = run_facts(session);
  telemetry::LoggedUntil done;
  if (plan.checkpoint) {
    check_facts(*plan.checkpoint, facts);
    done = {.step = plan.checkpoint->state.step, .evaluation = plan.checkpoint->state.evaluated_at};
  }
  begin_to_write(session);
  if (session.is_rank_zero()) prepare_run_dir(session, plan);
  session.world().barrier("run directory");
  watch_progress(session);
  const std::unique_ptr<Distillation> distillation = start_distillation(session, plan);
  const auto measure = [&] {
    if (distillation) distillation->measure();
  };

  const std::unique_ptr<Profiling> profiling = start_profiling(session);
  RunObserver observer(session, done, profiling.get());
  trainer::Trainer trainer({.backbone = *session.backbone,
                            .tasks = session.tasks,
                            .mesh = *session.mesh,
                            .observer = observer,
                            .train = config.train,
                            .eval = config.eval,
                            .mixture = config.mixture,
                            .members = sweep_members(config),
                            .seed = config.run.seed,
                            .run_dir = run_dir,
                            .backbone_info = session.backbone_info,
                            .facts = facts,
                            .teacher = distillation ? &distillation->teacher() : nullptr,
                            .after_test = measure},
                           start);
  restore(session, plan, trainer);
  const trainer::TrainResult result = trainer.run();
  if (!result.stopped) {
    on_stop_signal(OnSignal::kDone);
    observer.finish();
  }
  write_memory_report(session, run_dir);
  if (profiling) profiling->finish(run_dir, /*prints=*/!json);
  log_graphs(session);
  stop_watchdog(session);
  if (result.stopped || !session.is_rank_zero()) return result;
  write_results(session, observer, result, distillation.get(), json);
  return result;
}

configs::RunConfig configuration(const TrainArguments& arguments) {
  ConfigArguments given = arguments.config;
  if (arguments.seed) given.overrides.push_back("run.seed=" + std::to_string(*arguments.seed));
  return load_config(given, check_training_options);
}

void require_resumes(const RunPlan& plan, const std::string& run_dir) {
  if (plan.kind == RunPlan::Kind::kResume) return;
  throw ConfigError(run_dir +
                    ": there is no unfinished run with a checkpoint to resume; without --resume a "
                    "new one starts");
}

void run_train(const TrainArguments& arguments) {
  configs::RunConfig config = configuration(arguments);
  RunPlan plan;
  if (read_launch().rank == 0) {
    lock_run_dir(config.run.output_dir, LockFile::kExisting);
    plan = plan_run(config, arguments.fresh);
    if (arguments.resume) require_resumes(plan, config.run.output_dir);
  }
  if (plan.kind == RunPlan::Kind::kResume) config.model.dtype = plan.dtype;
  const trainer::TrainResult result = train(config, plan, arguments.json);
  if (result.stopped) throw Stopped(stopped_text(result, config));  // after orderly MPI shutdown
}

}  // namespace

void add_train_command(Command& program) {
  const auto arguments = std::make_shared<TrainArguments>();
  Command* command = program.add_subcommand("train", "Learn a soft prompt, or continue with it");
  add_config_arguments(*command, arguments->config);
  Option* fresh = command->add_flag(
      "--fresh", arguments->fresh, "start over; move an unfinished run in the run directory aside");
  command
      ->add_flag("--resume", arguments->resume,
                 "fail unless an unfinished run is resumed, as it is by itself")
      ->excludes(fresh);
  command->add_option("--seed", arguments->seed, "replaces run.seed")->not_negative();
  add_json_flag(*command, arguments->json);
  command->example("mpirun -n 2 incipit train configs/recipes/rte.yaml --set train.steps=50");
  command->callback([arguments] { run_train(*arguments); });
}

}  // namespace incipit::launcher
