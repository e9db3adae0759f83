// Trainer: construction and helpers of its loop.
#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/replicas.h"
#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "trainer/schedule.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()),
          static_cast<std::size_t>(tensor.nbytes())};
}

// Returns the key of a task's block, for messages.
std::string block_of(const TrainSetup& setup, const data::LoadedTask& task) {
  return setup.tasks.size() == 1 || !setup.members.empty() ? "task" : "tasks." + task.name;
}

// Returns the metric by which evaluations of the task are compared.
std::string selection_metric(const TrainSetup& setup, const data::LoadedTask& task) {
  const std::vector<std::string> names = eval::metric_names(*task.task);
  const std::string& wanted = setup.train.early_stop.metric;
  if (wanted.empty()) return names.front();
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  throw ConfigError("train.early_stop.metric: '" + wanted + "' is not a metric of task '" +
                    task.name + "', which has " + join(names));
}

void check_splits(const TrainSetup& setup, const data::LoadedTask& task) {
  INCIPIT_CHECK(task.splits.train.labelled(), "an unlabelled example to train on");
  if (setup.train.eval_every == 0 || task.splits.validation.labelled()) return;
  throw ConfigError("train.eval_every is " + std::to_string(setup.train.eval_every) +
                    ", but the task has no validation split with labels; set " +
                    block_of(setup, task) + ".validation, or train.eval_every: 0");
}

}  // namespace

Trainer::Trainer(const TrainSetup& setup, std::vector<std::shared_ptr<methods::Trainable>> prompts)
    : setup_(setup),
      prompts_(std::move(prompts)),
      model_(setup.backbone, prompts_),
      best_(prompts_.size()),
      best_at_(prompts_.size()),
      task_scores_(setup.tasks.size()),
      optimizer_(make_optimizer(setup.train.optimizer, parameters(), rate_factors())),
      early_stop_(setup.train.early_stop),
      steps_ahead_(static_cast<std::size_t>(
          setup.steps_ahead.value_or(nn::runs_ahead_of(setup.backbone.device()) ? 1 : 0))) {
  INCIPIT_CHECK(prompts_.size() == 1 || prompts_.size() == setup.tasks.size(), prompts_.size(),
                " prompts for ", setup.tasks.size(), " tasks");
  const std::size_t own_rows = prompts_.front()->tasks().size();
  INCIPIT_CHECK(several_prompts() || own_rows == 0 || own_rows == setup.tasks.size(),
                "a prompt of ", own_rows, " tasks for ", setup.tasks.size());
  INCIPIT_CHECK(!sweeps() || setup.members.size() == prompts_.size(), "a member for each prompt");
  for (const data::LoadedTask& task : setup.tasks) {
    check_splits(setup, task);
    selection_metrics_.push_back(selection_metric(setup, task));
  }
  batches_ = make_batches();
  if (setup.mesh.world().rank() == 0 && std::filesystem::exists(setup.run_dir)) {
    run_folder_.emplace(setup.run_dir);
  }
}

std::unique_ptr<BatchStream> Trainer::make_batches() const {
  std::vector<std::int64_t> sizes;
  for (const data::LoadedTask& task : setup_.tasks) sizes.push_back(task.splits.train.size());
  const std::vector<std::int64_t> weights = sweeps() ? std::vector<std::int64_t>(sizes.size(), 1)
                                                     : data::mixture_weights(setup_.mixture, sizes);
  std::vector<TrainSource> sources;
  for (std::size_t i = 0; i < setup_.tasks.size(); ++i) {
    sources.push_back({.task = setup_.tasks[i].task.get(),
                       .train = &setup_.tasks[i].splits.train,
                       .prompt = model_.rows(prompt_of(i), task_in_prompt(i)),
                       .teacher = setup_.teacher == nullptr ? nullptr : &setup_.teacher->task(),
                       .weight = weights[i]});
    if (sweeps()) sources.back().seed = setup_.members[i].seed;
  }
  return std::make_unique<BatchStream>(
      std::move(sources), StreamOptions{.batch_size = batch_size(),
                                        .steps = setup_.train.steps,
                                        .first_step = step_,
                                        .loss = setup_.train.loss,
                                        .teacher_rows = setup_.train.micro_batch_tokens,
                                        .shuffle = setup_.train.shuffle,
                                        .seed = setup_.seed,
                                        .rank = setup_.mesh.batch().rank(),
                                        .ranks = setup_.mesh.batch().size()});
}

std::vector<std::size_t> Trainer::tasks_of(std::size_t prompt) const {
  if (several_prompts()) return {prompt};
  std::vector<std::size_t> all(setup_.tasks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

std::vector<double> Trainer::rate_factors() const {
  std::vector<double> factors;
  for (const SweepMember& member : setup_.members) factors.push_back(member.lr);
  return factors;
}

std::int64_t Trainer::batch_size() const {
  const std::int64_t members = sweeps() ? std::ssize(setup_.members) : 1;
  return setup_.train.batch_size * members;
}

double Trainer::schedule() const {
  return schedule_factor(setup_.train.schedule, step_ - 1, setup_.train.steps);
}

comm::Activity& Trainer::activity() const { return *setup_.mesh.world().context().activity; }

void Trainer::check_replicas() const {
  const std::vector<StateTensors> state = state_tensors();
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    std::vector<comm::Replica> replicas;
    std::vector<at::Tensor> on_host;
    for (const StateTensors& entry : state) {
      if (entry.prompt != i) continue;
      for (const at::Tensor& tensor : entry.tensors) {
        if (!tensor.defined()) continue;
        on_host.push_back(tensor.cpu());
        replicas.push_back({entry.name, bytes_of(on_host.back())});
      }
    }
    comm::check_replicas(setup_.mesh.along(prompts_[i]->replicated_over()), replicas);
  }
}

}  // namespace incipit::trainer
