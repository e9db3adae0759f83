// Trainer: evaluations and the results of a run.
#include <numeric>

#include "core/error.h"
#include "core/stop_request.h"
#include "eval/results.h"
#include "trainer/require_finite.h"
#include "trainer/trainer.h"

namespace incipit::trainer {

namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

const data::Dataset& split_of(const data::LoadedTask& task, const std::string& name) {
  return name == "test" ? task.splits.test : task.splits.validation;
}

double signed_score(const std::string& metric, double value) {
  return eval::higher_is_better(metric) ? value : -value;
}

}  // namespace

eval::SplitResult Trainer::score(const ScoredSplit& which) const {
  const comm::Activity::Scope scope(activity(), "evaluation");
  const data::LoadedTask& task = setup_.tasks[which.task];
  return eval::evaluate({model_, prompt_of(which.task), task_in_prompt(which.task)}, *task.task,
                        split_of(task, which.split), setup_.eval, setup_.mesh.batch(),
                        [&](std::int64_t done, std::int64_t total) {
                          setup_.observer.on_evaluation_progress(which, done, total);
                        });
}

std::vector<eval::SplitResult> Trainer::score_all(const std::string& split) const {
  std::vector<eval::SplitResult> results(setup_.tasks.size());
  if (!sweeps()) {
    for (std::size_t task = 0; task < results.size(); ++task) {
      if (!split_of(setup_.tasks[task], split).empty()) results[task] = score({task, split});
    }
    return results;
  }
  const data::LoadedTask& task = setup_.tasks.front();
  if (split_of(task, split).empty()) return results;
  const comm::Activity::Scope scope(activity(), "evaluation");
  std::vector<std::size_t> all(prompts_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return eval::evaluate_together(model_, all, *task.task, split_of(task, split), setup_.eval,
                                 setup_.mesh.batch(), [&](std::int64_t done, std::int64_t total) {
                                   setup_.observer.on_evaluation_progress({0, split}, done, total);
                                 });
}

double Trainer::selection_score(std::size_t task, const eval::Metrics& metrics) const {
  for (const auto& [name, value] : metrics) {
    if (name == selection_metrics_[task]) return signed_score(name, value);
  }
  throw LogicError("no metric " + selection_metrics_[task]);
}

// Checks on every rank that the values are finite, so that all ranks stop when they are not. Rank 0
// writes.
void Trainer::save(const char* which, std::size_t prompt, const Snapshot& parameters) const {
  for (const at::Tensor& values : parameters) require_finite(values, "the prompt");
  const methods::Trainable& trained = *prompts_[prompt];
  auto folder = setup_.run_dir / (trained.trains_backbone() ? "model" : "adapter") / which;
  if (several_prompts()) folder /= setup_.tasks[prompt].name;
  trained.save(folder, parameters, setup_.backbone_info, setup_.mesh);
}

void Trainer::save_during_run(const char* which, std::size_t prompt, const Snapshot& parameters) {
  if (prompts_[prompt]->trains_backbone()) return;  // large, and in the checkpoint
  try_to_save([&] { save(which, prompt, parameters); });
}

void Trainer::save_last() const {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    save("last", i, methods::current_parameters(*prompts_[i]));
  }
}

void Trainer::evaluate() try {
  model_.refresh();
  std::vector<double> scores;
  const std::vector<eval::SplitResult> results = score_all("validation");
  for (std::size_t task = 0; task < setup_.tasks.size(); ++task) {
    const eval::SplitResult& result = results[task];
    setup_.observer.on_scores(step_, {task, "validation"}, result.metrics);
    if (!result.scores.predictions.empty()) {
      setup_.observer.on_answers(step_, task, setup_.tasks[task].splits.validation, result.scores);
    }
    scores.push_back(selection_score(task, result.metrics));
  }
  evaluated_at_ = step_;
  early_stop_.update(step_, mean(scores));
  keep_best(scores);
} catch (const Stopped&) {
  stopping_ = true;  // the evaluation is repeated when the run resumes
}

// Keeps the best evaluation of each prompt; of equal ones, the earlier.
void Trainer::keep_best(const std::vector<double>& scores) {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    std::vector<double> own;
    for (const std::size_t task : tasks_of(i)) own.push_back(scores[task]);
    if (best_at_[i].score && !(mean(own) > *best_at_[i].score)) continue;
    best_at_[i] = {.score = mean(own), .step = step_};
    for (const std::size_t task : tasks_of(i)) task_scores_[task] = scores[task];
    best_[i].clear();
    for (const methods::Parameter& parameter : prompts_[i]->parameters()) {
      best_[i].push_back(parameter.value.clone());
      require_finite(best_[i].back(), "the prompt");
    }
    save_during_run("best", i, best_[i]);
  }
}

// Writes the checkpoint first: a run that is later given more steps continues from it as if it had
// never ended.
TrainResult Trainer::finish() {
  if (setup_.train.checkpoint_every > 0 && saved_at_ != step_) checkpoint();
  save_last();
  if (setup_.train.eval_every > 0 && evaluated_at_ != step_) evaluate();
  TrainResult result;
  result.steps = step_;
  result.stopped_early = step_ < setup_.train.steps;
  result.last_loss = last_loss_;
  if (!stopping_) {
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      save("best", i, best_prompt(i));
    }
    for (std::size_t task = 0; task < setup_.tasks.size(); ++task) {
      TaskResult& own = result.tasks.emplace_back();
      own.metric = selection_metrics_[task];
      if (task_scores_[task]) own.best_score = signed_score(own.metric, *task_scores_[task]);
      own.best_step = own.best_score ? best_at_[prompt_of(task)].step : step_;
    }
    swap_with_best();
    test(result);
    swap_with_best();
    if (!stopping_) call_after_test();
  }
  return stopping_ ? stopped() : result;
}

void Trainer::swap_with_best() {
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    for (std::size_t p = 0; p < best_[i].size(); ++p) {
      at::Tensor value = prompts_[i]->parameters()[p].value;
      const at::Tensor current = value.clone();
      value.copy_(best_[i][p]);
      best_[i][p].copy_(current);
    }
  }
  model_.refresh();
}

void Trainer::call_after_test() try {
  if (setup_.after_test) setup_.after_test();
} catch (const Stopped&) {
  stopping_ = true;  // it is repeated when the run resumes
}

// Scores the test splits once, with the prompts as they are.
void Trainer::test(TrainResult& result) try {
  const std::vector<eval::SplitResult> scored = score_all("test");
  std::vector<eval::TaskResults> named;
  for (std::size_t task = 0; task < setup_.tasks.size(); ++task) {
    const data::LoadedTask& loaded = setup_.tasks[task];
    if (loaded.splits.test.empty()) continue;
    setup_.observer.on_scores(step_, {task, "test"}, scored[task].metrics);
    result.tasks[task].test = scored[task].metrics;
    result.tasks[task].test_intervals = scored[task].intervals;
    named.push_back({loaded.name, {{"test", &loaded.splits.test, &scored[task]}}});
  }
  if (named.empty()) return;
  if (sweeps()) {
    const data::LoadedTask& task = setup_.tasks.front();
    std::vector<std::string> settings;
    for (const SweepMember& member : setup_.members) settings.push_back(member.setting);
    result.ensembles = eval::ensembles_of(settings, scored, *task.task, task.splits.test);
    eval::append_results(result.ensembles, "test", task.splits.test, named);
  }
  if (setup_.mesh.world().rank() != 0) return;
  if (setup_.tasks.size() == 1) return eval::write_results(setup_.run_dir, named[0].splits);
  eval::write_results(setup_.run_dir, named);
} catch (const Stopped&) {
  stopping_ = true;
}

}  // namespace incipit::trainer
