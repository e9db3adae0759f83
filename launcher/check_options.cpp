#include "launcher/check_options.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/task_metrics.h"
#include "launcher/distillation.h"
#include "methods/registry.h"

namespace incipit::launcher {
namespace {

void report_all(const configs::Report& report, const std::string& block,
                const std::vector<OptionProblem>& problems) {
  for (const OptionProblem& problem : problems) {
    report(block + "." + problem.key, problem.message);
  }
}

// Returns every task's options with the key of its block.
std::vector<std::pair<std::string, const data::TaskOptions*>> task_blocks(
    const configs::RunConfig& config) {
  if (config.tasks.empty()) return {{"task", &config.task}};
  std::vector<std::pair<std::string, const data::TaskOptions*>> blocks;
  for (const configs::NamedTask& task : config.tasks) {
    blocks.emplace_back("tasks." + task.name, &task.options);
  }
  return blocks;
}

// Whether the configuration asks for an initialiser that needs labels. (auto does without.)
bool starts_with_labels(const configs::RunConfig& config) {
  const auto labels = [](const methods::MethodOptions& method) {
    return method.init.kind == methods::InitKind::kClassLabels;
  };
  if (config.sweep.empty()) return labels(config.method);
  const auto members = configs::members(config);
  return std::any_of(members.begin(), members.end(),
                     [&](const configs::SweepMember& member) { return labels(member.method); });
}

// What a head needs of the rest of the run.
void check_head(const configs::RunConfig& config, const std::string& block,
                const data::TaskOptions& task, const configs::Report& report) {
  const bool probes = config.method.kind == methods::kLinearProbe;
  if (!data::has_head(task)) {
    if (probes) {
      report("method.kind", "linear_probe trains nothing but a head, and " + block +
                                ".kind: text has none; expected another kind");
    }
    return;
  }
  if (!config.method.trains()) {
    report("method.kind", "the head of " + block + " is trained with a method, and none has no " +
                              "head; expected linear_probe or a prompt");
  } else if (methods::trains_backbone(config.method)) {
    report("method.kind", config.method.kind + " trains the model's own head; for " + block +
                              " expected linear_probe or a prompt");
  }
  if (config.tasks.size() > 1) {
    report(block + ".kind", "a run of several tasks has no heads; expected text");
  }
  if (!config.sweep.empty()) {
    report("sweep", "its members share batches, and those have no heads; expected no sweep for " +
                        block + ".kind");
  }
}

void check_trained_task(const configs::RunConfig& config, const std::string& block,
                        const data::TaskOptions& task, const configs::Report& report) {
  if (task.train.empty()) report(block + ".train", "missing; expected a file");
  const bool no_validation = task.validation.file.empty() && task.validation.share == 0;
  if (config.train.eval_every > 0 && no_validation) {
    report("train.eval_every",
           "needs a validation split: set " + block + ".validation, or train.eval_every: 0");
  }
  if (data::scores_places(task) && config.train.loss == trainer::Loss::kCandidates) {
    report("train.loss", "candidates are classes of a text, which " + block +
                             ".kind has not; expected target_tokens");
  }
  const bool has_labels = data::has_head(task) && !task.labels.empty();
  if (!task.verbalizer.empty() || has_labels) return;
  if (config.train.loss == trainer::Loss::kCandidates && task.candidates.foreach.empty() &&
      !data::has_head(task)) {
    report("train.loss", "candidates needs " + block + ".verbalizer or " + block + ".candidates");
  }
  if (starts_with_labels(config)) {
    report("method.init.kind", "class_labels needs " + block + ".verbalizer, or labels of a head");
  }
}

void check_distillation(const configs::RunConfig& config, const configs::Report& report) {
  if (config.distill.prompt.empty()) {
    report("distill.prompt", "is missing; train.loss: distillation needs the long prompt's file");
  }
  if (methods::trains_backbone(config.method)) {
    report("method.kind", "distillation needs a frozen model; expected another method");
  }
  if (!config.tasks.empty()) {
    report("tasks", "one task of questions is distilled; expected `task`");
    return;
  }
  if (!config.sweep.empty()) {
    report("sweep", "one prompt is distilled at a time; expected no sweep");
  }
  const data::TaskOptions& task = config.task;
  if (data::has_head(task)) {
    report("task.kind", "distillation compares next tokens; expected text");
    return;
  }
  if (task.target.empty()) {
    report("task.target", "is missing; distillation needs a task with generated answers");
  }
  if (data::has_prefix(task)) {
    report(task.shots > 0 ? "task.shots" : "task.prompt_file",
           "only the learned prompt comes before the student's questions; expected none");
  }
}

void check_model_tuning(const configs::RunConfig& config, const configs::Report& report) {
  if (config.sweep.empty() && configs::has_several_prompts(config)) {
    report("mixture.prompts", "model_tuning trains one model for all tasks; expected shared");
  }
  if (config.train.optimizer.kind == trainer::OptimizerKind::kAdafactor) {
    report("train.optimizer.kind",
           "adafactor needs whole matrices, which ranks may not have; expected adamw or sgd for "
           "model_tuning");
  }
}

// Reports what is wrong with the options of the run's method, or of a member of its sweep.
void check_methods(const configs::RunConfig& config, const configs::Report& report) {
  const bool apart = config.sweep.empty() && configs::has_several_prompts(config);
  if (apart && methods::has_rows_by_task(config.method)) {
    report("mixture.prompts", config.method.kind +
                                  " learns what the prompts of all tasks have in common; expected "
                                  "shared");
  }
  if (config.sweep.empty()) return report_all(report, "method", methods::validate(config.method));
  for (const configs::SweepMember& member : configs::members(config)) {
    const auto problems = methods::validate(member.method);
    if (problems.empty()) continue;
    return report("sweep", "member " + member.name + ": method." + problems.front().key + " " +
                               problems.front().message);
  }
}

void check_sweep(const configs::RunConfig& config, const configs::Report& report) {
  if (config.sweep.empty()) return;
  report_all(report, "sweep", configs::validate(config.sweep));
  const std::string& kind = config.method.kind;
  if (!config.tasks.empty()) report("sweep", "is of one task; expected `task`, not `tasks`");
  if (!config.method.trains() || methods::trains_backbone(config.method)) {
    return report("sweep", "is of prompts on one frozen model, and method.kind: " + kind +
                               " has none; expected another method.kind");
  }
  if (!config.sweep.num_virtual_tokens.empty() && methods::prompt_rows(config.method).rows == 0) {
    report("sweep.num_virtual_tokens", "method.kind: " + kind + " has no rows of a prompt");
  }
}

// Inputs without content have no examples that are the nearest to them.
void check_nearest_shots(const configs::RunConfig& config, const std::string& block,
                         const data::TaskOptions& task, const configs::Report& report) {
  if (!data::shows_nearest(task)) return;
  const data::Score score = config.eval.score.value_or(task.score);
  if (score == data::Score::kPmi || score == data::Score::kCalibrated) {
    report(block + ".shot_choice",
           "nearest gives every input its own examples, and the scores pmi and calibrated compare "
           "with inputs without content; expected balanced or random, or another score");
  }
}

void require_shared_shots(const configs::RunConfig& config, const configs::Report& report) {
  for (const auto& [block, task] : task_blocks(config)) {
    if (!data::shows_nearest(*task)) continue;
    report(block + ".shot_choice",
           "nearest is for incipit eval and compare; expected balanced or random, or shot_lines");
  }
}

void require_own_head(const configs::RunConfig& config, const configs::Report& report) {
  for (const auto& [block, task] : task_blocks(config)) {
    if (!data::has_head(*task)) continue;
    report(block + ".kind", "this command uses the model's own head; expected text");
  }
}

}  // namespace

void check_options(const configs::RunConfig& config, const configs::Report& report) {
  report_all(report, "parallel", comm::validate(config.parallel));
  check_methods(config, report);
  check_sweep(config, report);
  for (const auto& [block, task] : task_blocks(config)) {
    report_all(report, block, data::validate(*task));
    check_nearest_shots(config, block, *task, report);
    check_head(config, block, *task, report);
    if (config.parallel.fsdp > 1 && data::generates_answers(*task)) {
      report("parallel.fsdp", "text is not generated from FSDP layers, and the metrics of " +
                                  block +
                                  " compare generated answers; use parallel.tensor or "
                                  "parallel.pipeline, or for free answers set " +
                                  block + ".metrics: [loss]");
    }
  }
  report_all(report, "train", trainer::validate(config.train));
  report_all(report, "eval", eval::validate(config.eval));
  report_all(report, "metrics", telemetry::validate(config.metrics));
}

void check_shared_options(const configs::RunConfig& config, const configs::Report& report) {
  check_options(config, report);
  require_shared_shots(config, report);
}

void check_text_options(const configs::RunConfig& config, const configs::Report& report) {
  check_options(config, report);
  require_own_head(config, report);
}

void check_shared_text_options(const configs::RunConfig& config, const configs::Report& report) {
  check_shared_options(config, report);
  require_own_head(config, report);
}

void check_training_options(const configs::RunConfig& config, const configs::Report& report) {
  check_shared_options(config, report);
  if (config.model.dtype == model::Dtype::kFloat16) {
    report("model.dtype",
           "float16 is for scoring and generating: gradients are too small for it; expected "
           "bfloat16, float32 or auto to train");
  }
  if (!config.method.trains()) {
    report("method.kind", "none has nothing to train; incipit eval scores the model as it is");
  }
  if (config.train.epochs > 0 && config.tasks.size() > 1) {
    report("train.epochs", "the tasks of a mixture differ in size; expected train.steps");
  }
  if (config.train.examples > 0 && config.tasks.size() > 1) {
    report("train.examples", "the tasks of a mixture differ in size; expected 0, all");
  }
  if (methods::trains_backbone(config.method)) check_model_tuning(config, report);
  if (distils(config)) check_distillation(config, report);
  for (const auto& [block, task] : task_blocks(config)) {
    check_trained_task(config, block, *task, report);
  }
}

}  // namespace incipit::launcher
