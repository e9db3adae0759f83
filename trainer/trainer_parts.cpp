// What the loop of trainer.cpp uses: making a trainer, scoring, saving, comparing.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "comm/replicas.h"
#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "trainer/gradient.h"
#include "trainer/schedule.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()),
          static_cast<std::size_t>(tensor.nbytes())};
}

StreamOptions stream_options(const TrainSetup& setup, const prompt::SoftPrompt& start) {
  return {.batch_size = setup.train.batch_size,
          .steps = setup.train.steps,
          .loss = setup.train.loss,
          .shuffle = setup.train.shuffle,
          .seed = setup.seed,
          .rank = setup.mesh.data().rank(),
          .ranks = setup.mesh.data().size(),
          .prompt = {.prompt = 0, .rows = static_cast<int>(start.rows())}};
}

// The metric that evaluations are compared by.
std::string selection_metric(const TrainSetup& setup) {
  const std::vector<std::string> names = eval::metric_names(setup.task);
  const std::string& wanted = setup.train.early_stop.metric;
  if (wanted.empty()) return names.front();
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  throw ConfigError("train.early_stop.metric: '" + wanted + "' is not a metric of task '" +
                    setup.task.options().name + "', which has " + join(names));
}

}  // namespace

Trainer::Trainer(const TrainSetup& setup, const prompt::SoftPrompt& start)
    : setup_(setup),
      prompt_(start.name, start.values.to(at::kCPU, at::kFloat).contiguous().clone()),
      optimizer_(make_optimizer(setup.train.optimizer, {prompt_})),
      batches_(setup.task, setup.splits.train, stream_options(setup, start)),
      early_stop_(setup.train.early_stop),
      selection_metric_(selection_metric(setup)) {
  INCIPIT_CHECK(setup.splits.train.labelled(), "an unlabelled example to train on");
  if (setup.train.eval_every > 0 && !setup.splits.select.labelled()) {
    throw ConfigError("train.eval_every is " + std::to_string(setup.train.eval_every) +
                      ", but the task has no select split with labels; set task.select, or "
                      "train.eval_every: 0");
  }
}

double Trainer::learning_rate() const {
  return setup_.train.optimizer.lr *
         schedule_factor(setup_.train.schedule, step_ - 1, setup_.train.steps);
}

comm::Activity& Trainer::activity() const { return *setup_.mesh.world().context().activity; }

eval::SplitResult Trainer::score(const data::Dataset& split, const at::Tensor& prompt) const {
  const comm::Activity::Scope scope(activity(), "evaluation");
  return eval::evaluate(setup_.backbone, setup_.task, split, prompt, setup_.eval,
                        setup_.mesh.data());
}

double Trainer::selection_score(const eval::Metrics& metrics) const {
  for (const auto& [name, value] : metrics) {
    if (name == selection_metric_) return eval::higher_is_better(name) ? value : -value;
  }
  throw LogicError("no metric " + selection_metric_);
}

// On every rank, so that all of them stop when there is nothing fit to be saved.
void Trainer::save(const char* name, const at::Tensor& values) const {
  require_finite(values, "the soft prompt");
  if (setup_.mesh.world().rank() != 0) return;
  prompt::save_peft_adapter(setup_.run_dir / "adapter" / name, {prompt_.name, values},
                            setup_.backbone_info);
}

void Trainer::check_replicas() const {
  std::vector<comm::Replica> replicas{{prompt_.name, bytes_of(prompt_.value)}};
  const auto state = optimizer_->state();
  for (const NamedTensor& entry : state) replicas.push_back({entry.name, bytes_of(entry.tensor)});
  comm::check_replicas(setup_.mesh.world(), replicas);
}

}  // namespace incipit::trainer
