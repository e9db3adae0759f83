// What a trainer is made of, and what its loop asks it for.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "comm/replicas.h"
#include "core/check.h"
#include "core/error.h"
#include "core/text.h"
#include "model/ledger.h"
#include "trainer/schedule.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()),
          static_cast<std::size_t>(tensor.nbytes())};
}

StreamOptions stream_options(const TrainSetup& setup, std::int64_t prompt_rows,
                             std::int64_t first_step) {
  return {.batch_size = setup.train.batch_size,
          .steps = setup.train.steps,
          .first_step = first_step,
          .loss = setup.train.loss,
          .shuffle = setup.train.shuffle,
          .seed = setup.seed,
          .rank = setup.mesh.batch().rank(),
          .ranks = setup.mesh.batch().size(),
          .prompt = {.prompt = 0, .rows = static_cast<int>(prompt_rows)}};
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

Parameter trainable(const prompt::SoftPrompt& start) {
  const model::LedgerScope scope(model::MemoryKind::kOptimizer);
  return {start.name, start.values.to(at::kCPU, at::kFloat).contiguous().clone()};
}

}  // namespace

Trainer::Trainer(const TrainSetup& setup, const prompt::SoftPrompt& start)
    : setup_(setup),
      prompt_(trainable(start)),
      optimizer_(make_optimizer(setup.train.optimizer, {prompt_})),
      early_stop_(setup.train.early_stop),
      selection_metric_(selection_metric(setup)) {
  INCIPIT_CHECK(setup.splits.train.labelled(), "an unlabelled example to train on");
  if (setup.train.eval_every > 0 && !setup.splits.select.labelled()) {
    throw ConfigError("train.eval_every is " + std::to_string(setup.train.eval_every) +
                      ", but the task has no select split with labels; set task.select, or "
                      "train.eval_every: 0");
  }
  batches_ = make_batches();
}

std::unique_ptr<BatchStream> Trainer::make_batches() const {
  return std::make_unique<BatchStream>(setup_.task, setup_.splits.train,
                                       stream_options(setup_, prompt_.value.size(0), step_));
}

double Trainer::learning_rate() const {
  return setup_.train.optimizer.lr *
         schedule_factor(setup_.train.schedule, step_ - 1, setup_.train.steps);
}

comm::Activity& Trainer::activity() const { return *setup_.mesh.world().context().activity; }

void Trainer::check_replicas() const {
  std::vector<comm::Replica> replicas{{prompt_.name, bytes_of(prompt_.value)}};
  const auto state = optimizer_->state();
  for (const NamedTensor& entry : state) replicas.push_back({entry.name, bytes_of(entry.tensor)});
  comm::check_replicas(setup_.mesh.world(), replicas);
}

}  // namespace incipit::trainer
