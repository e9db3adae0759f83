#include "launcher/commands/eval.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/text.h"
#include "eval/ensemble.h"
#include "eval/evaluation.h"
#include "eval/results.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/evaluation_folder.h"
#include "launcher/evaluation_progress.h"
#include "launcher/json_output.h"
#include "launcher/mixture_report.h"
#include "launcher/prompt_source.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"
#include "launcher/score_cells.h"
#include "launcher/session.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct EvalArguments {
  ConfigArguments config;
  std::vector<std::string> adapters;
  std::vector<std::string> splits{"test"};
  std::string name;
  bool json = false;
};

bool asks_for(const EvalArguments& arguments, const std::string& split) {
  return std::find(arguments.splits.begin(), arguments.splits.end(), split) !=
         arguments.splits.end();
}

// The prompts of the tasks, in task order.
class Prompts {
 public:
  Prompts(const configs::RunConfig& config, const std::vector<std::string>& given)
      : adapters_(adapters_by_task(config, given)),
        several_(configs::has_several_adapters(config)) {
    const auto tasks = configs::all_tasks(config);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      trained_.push_back(trained_prompt(
          several_ ? configs::pick_task(config, tasks[i].name) : config, adapters_[i]));
    }
  }

  [[nodiscard]] std::vector<std::int64_t> rows() const {
    std::vector<std::int64_t> rows;
    for (const auto& each : trained_) rows.push_back(rows_of(each));
    return rows;
  }
  [[nodiscard]] methods::PromptedModel model(const Session& session, std::size_t task) const {
    return prompted_model(session, trained_[task], adapters_[task]);
  }
  // Returns the model with all prompts.
  [[nodiscard]] methods::PromptedModel model(const Session& session) const {
    std::vector<std::shared_ptr<methods::Trainable>> all;
    for (std::size_t i = 0; i < trained_.size(); ++i) {
      check_prompt(session, trained_[i], adapters_[i]);
      all.push_back(trained_[i]->prompt);
    }
    return methods::PromptedModel(*session.backbone, std::move(all));
  }
  // Returns the bytes of each prompt; empty without prompts.
  [[nodiscard]] std::vector<std::int64_t> bytes() const {
    std::vector<std::int64_t> bytes;
    for (const auto& each : trained_) {
      if (!each) continue;
      bytes.push_back(0);
      for (const at::Tensor& tensor : each->prompt->stored()) {
        bytes.back() += static_cast<std::int64_t>(tensor.nbytes());
      }
    }
    if (!several_ && !bytes.empty()) bytes.resize(1);
    return bytes;
  }

 private:
  std::vector<fs::path> adapters_;
  bool several_;
  std::vector<std::optional<methods::LoadedPrompt>> trained_;
};

void print_task(const Session& session, const eval::TaskResults& results) {
  std::vector<std::string> header{"split", "examples"};
  add_score_heads(header, *session.task);
  telemetry::Table table(header);
  for (const eval::NamedResult& named : results.splits) {
    std::vector<std::string> row{named.split, telemetry::grouped(named.dataset->size())};
    add_scores(row, *session.task, named.result->metrics, named.result->intervals);
    table.add(std::move(row));
  }
  table.print(std::cout, telemetry::Style::of_stdout());
}

void print_tasks(const Session& session, const std::vector<eval::TaskResults>& results) {
  std::vector<TaskScores> scores;
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (const auto& [split, dataset, result] : results[i].splits) {
      scores.push_back(
          {&session.tasks[i], split, dataset->size(), &result->metrics, &result->intervals});
    }
  }
  print_task_scores(std::cout, telemetry::Style::of_stdout(), scores);
}

// Prints the scores of the members of a sweep and of their ensembles.
void print_members(const Session& session, const std::vector<eval::TaskResults>& results) {
  std::vector<std::string> header{"member", "split", "examples"};
  add_score_heads(header, *session.task);
  telemetry::Table table(header);
  for (const eval::TaskResults& member : results) {
    for (const auto& [split, dataset, result] : member.splits) {
      std::vector<std::string> row{member.task, split, telemetry::grouped(dataset->size())};
      add_scores(row, *session.task, result->metrics, result->intervals);
      table.add(std::move(row));
    }
  }
  table.print(std::cout, telemetry::Style::of_stdout());
}

void print_results(const Session& session, const std::vector<eval::TaskResults>& results,
                   const Prompts& prompts, const fs::path& folder) {
  telemetry::Facts facts;
  if (!session.config.sweep.empty()) {
    print_members(session, results);
  } else if (session.mixes()) {
    print_tasks(session, results);
    const auto bytes = prompts.bytes();
    if (!bytes.empty()) {
      facts.emplace_back("prompts", prompt_cost(bytes, results.size(), session.parameters));
    }
  } else {
    print_task(session, results.front());
  }
  facts.emplace_back("run", folder.string());
  telemetry::print_facts(std::cout, telemetry::Style::of_stdout(), facts);
}

// {"run":"runs/rte","scores":{"test":{"examples":277,"accuracy":0.57}}}, and with several tasks
// {"run":...,"scores":{"rte":{"test":...}}}
void print_results_as_json(const Session& session, const std::vector<eval::TaskResults>& results,
                           const fs::path& folder) {
  nlohmann::ordered_json json{{"run", folder.string()}};
  for (const eval::TaskResults& task : results) {
    nlohmann::ordered_json& scores = session.mixes() ? json["scores"][task.task] : json["scores"];
    for (const auto& [split, dataset, result] : task.splits) {
      scores[split] = {{"examples", dataset->size()}};
      scores[split].update(scores_json(result->metrics, result->intervals));
    }
  }
  print_json(json);
}

// Describes the evaluation's own folder, as a run that `report` reads.
void describe_evaluation(const EvaluationRequest& request, const Session& session,
                         const EvaluationFolder& folder) {
  configs::RunConfig config = session.config;
  if (!folder.name.empty()) {
    config.run.name += " " + folder.name;
    config.run.output_dir = folder.path.string();
  }
  config.method = request.config.method;
  config.model.path = request.config.model.path;
  make_run_dir(folder.path);
  lock_run_dir(folder.path, LockFile::kCreate);
  describe_run(folder.path, configs::resolved_yaml(config), evaluation_manifest(request, session));
}

// Returns the folder.
fs::path write_run(const EvaluationRequest& request, const Session& session,
                   const std::vector<eval::TaskResults>& results) {
  const EvaluationFolder folder = evaluation_folder(request, session);
  lock_run_dir(folder.path, LockFile::kExisting);
  if (folder.is_new) describe_evaluation(request, session, folder);
  if (session.mixes()) {
    eval::add_results(folder.path, results);
  } else {
    eval::add_results(folder.path, results.front().splits);
  }
  return folder.path;
}

// The name is that of a folder.
void check_name(const std::string& name) {
  const bool path = name == "." || name == ".." || name.find('/') != std::string::npos;
  if (!path && printable(name) == name) return;
  throw ConfigError("--name: '" + printable(name) + "' is no name; expected one without slashes");
}

struct Evaluation {
  std::vector<eval::TaskResults> results;  // points into the others
  std::deque<eval::SplitResult> scored{};
  std::deque<std::vector<eval::Ensemble>> ensembles{};
};

// Scores the splits of every task, with its prompt.
Evaluation evaluate_tasks(const EvalArguments& arguments, const Session& session,
                          const Prompts& prompts) {
  Evaluation evaluation;
  EvaluationProgress progress(session.is_rank_zero());
  for (std::size_t i = 0; i < session.tasks.size(); ++i) {
    const data::LoadedTask& task = session.tasks[i];
    const methods::PromptedModel model = prompts.model(session, i);
    eval::TaskResults& own = evaluation.results.emplace_back(eval::TaskResults{task.name, {}});
    for (const std::string& name : arguments.splits) {
      const data::Dataset& split = scored_split(session, task, name);
      evaluation.scored.push_back(
          eval::evaluate(model, *task.task, split, session.config.eval, session.mesh->batch(),
                         progress.titled(session.mixes() ? task.name + " " + name : name)));
      progress.end();
      own.splits.push_back({name, &split, &evaluation.scored.back()});
    }
  }
  return evaluation;
}

// Scores the splits with all members of the sweep together, and their ensembles.
Evaluation evaluate_members(const EvalArguments& arguments, const Session& session,
                            const Prompts& prompts) {
  Evaluation evaluation;
  const data::LoadedTask& task = session.tasks.front();
  const methods::PromptedModel model = prompts.model(session);
  std::vector<std::size_t> numbers;
  std::vector<std::string> settings;
  for (const configs::SweepMember& member : configs::members(session.config)) {
    numbers.push_back(numbers.size());
    settings.push_back(member.setting);
    evaluation.results.push_back({member.name, {}});
  }
  EvaluationProgress progress(session.is_rank_zero());
  for (const std::string& name : arguments.splits) {
    const data::Dataset& split = scored_split(session, task, name);
    auto scored = eval::evaluate_together(model, numbers, *task.task, split, session.config.eval,
                                          session.mesh->batch(), progress.titled(name));
    progress.end();
    evaluation.ensembles.push_back(eval::ensembles_of(settings, scored, *task.task, split));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      evaluation.scored.push_back(std::move(scored[i]));
      evaluation.results[i].splits.push_back({name, &split, &evaluation.scored.back()});
    }
    eval::append_results(evaluation.ensembles.back(), name, split, evaluation.results);
  }
  return evaluation;
}

void run_eval(const EvalArguments& arguments) {
  check_name(arguments.name);
  EvaluationRequest request{load_config(arguments.config, check_options), {}, arguments.name};
  const configs::RunConfig config = with_trained_weights(request.config);
  const Prompts prompts(config, arguments.adapters);
  request.adapters = adapters_by_task(config, arguments.adapters);
  const Session session = open_session(config, prompts.rows(),
                                       {.train = asks_for(arguments, "train"),
                                        .validation = asks_for(arguments, "validation"),
                                        .test = asks_for(arguments, "test")});
  const auto evaluate = config.sweep.empty() ? evaluate_tasks : evaluate_members;
  const Evaluation evaluation = evaluate(arguments, session, prompts);
  if (!session.is_rank_zero()) return;
  const fs::path folder = write_run(request, session, evaluation.results);
  if (arguments.json) return print_results_as_json(session, evaluation.results, folder);
  print_results(session, evaluation.results, prompts, folder);
}

}  // namespace

void add_eval_command(Command& program) {
  const auto arguments = std::make_shared<EvalArguments>();
  Command* command = program.add_subcommand("eval", "Score a prompt, or the model without one");
  add_config_arguments(*command, arguments->config);
  command
      ->add_option("--adapter", arguments->adapters,
                   "PEFT folder or .npy (default: adapter/best of the run directory); several "
                   "tasks: one each, as TASK=PATH or in the order of the tasks")
      ->type_name("PATH")
      ->one_at_a_time();
  command->add_option("--split", arguments->splits, "train, validation or test (default: test)")
      ->type_name("SPLIT")
      ->one_of({"train", "validation", "test"});
  command
      ->add_option("--name", arguments->name,
                   "write to RUN/evaluations/NAME (default: the run's own results; if the settings "
                   "differ from the run's, a folder there named after what differs)")
      ->type_name("NAME");
  add_json_flag(*command, arguments->json);
  command->example(
      "incipit eval configs/recipes/rte.yaml --adapter runs/rte/adapter/last --split test");
  command->callback([arguments] { run_eval(*arguments); });
}

}  // namespace incipit::launcher
