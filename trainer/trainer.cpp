#include "trainer/trainer.h"

#include <chrono>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/phase.h"
#include "core/stop_request.h"
#include "nn/flops.h"

namespace incipit::trainer {
namespace {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

TrainResult Trainer::run() {
  if (evaluation_due()) {  // still due after a stop
    evaluate();
    saved_at_ = -1;  // the checkpoint does not contain this evaluation
  }
  while (goes_on()) {
    ++step_;
    train_step();
    const bool checkpoints = due(setup_.train.checkpoint_every);
    const bool pauses = checkpoints || evaluation_due() || !goes_on();
    read_steps(pauses ? 0 : steps_ahead_);
    if (due(setup_.train.checksum_every)) check_replicas();
    if (evaluation_due() && !stopping_) evaluate();
    if (checkpoints && !stopping_) checkpoint();
  }
  return stopping_ ? stopped() : finish();
}

void Trainer::train_step() {
  const Stopwatch whole;
  const Phase step(kStepPhase);
  activity().set_step(step_);
  const double waited = batches_->wait_seconds();
  Phase phase("wait for data");
  const TrainBatch batch = batches_->next();
  const double rate = setup_.train.optimizer.lr * schedule();
  telemetry::StepRecord record{.step = step_, .learning_rate = rate};
  for (std::size_t i = 0; i < setup_.members.size(); ++i) {
    record.learning_rates.emplace_back(setup_.tasks[i].name, setup_.members[i].lr * schedule());
  }
  record.data_wait_seconds = batches_->wait_seconds() - waited;
  phase.end();

  const double talked = setup_.mesh.world().context().seconds;
  const double computed = nn::counted_flops();
  const at::Tensor numbers =
      run_step(model_, *optimizer_, setup_.mesh, step_batch(batch),
               {.micro_batches = micro_batches(setup_.train, setup_.mesh.shape().pipeline),
                .learning_rate = sweeps() ? schedule() : rate,
                .max_grad_norm = setup_.train.max_grad_norm,
                .separate = sweeps()});
  record.flops = nn::counted_flops() - computed;
  stopping_ = setup_.mesh.world().all_reduce_max(stop_requested() ? 1 : 0, "a stop") != 0;
  record.comm_seconds = setup_.mesh.world().context().seconds - talked;
  record.seconds = whole.seconds();
  unread_.push_back({std::move(record), nn::HostCopy(numbers)});
}

StepBatch Trainer::step_batch(const TrainBatch& batch) const {
  const at::Device device = setup_.backbone.device();
  StepBatch share{.forest = batch.packed.forest,
                  .examples = batch.examples,
                  .objective = make_objective(setup_.train.loss, batch, device)};
  const int tasks = static_cast<int>(setup_.tasks.size());
  for (int task = 0; task < tasks && tasks > 1; ++task) {
    share.tasks.push_back(make_objective(setup_.train.loss, batch, task, device));
  }
  if (setup_.teacher != nullptr) {
    share.teacher = setup_.teacher->hidden(batch.teacher, std::ssize(batch.packed.forest.targets));
  }
  return share;
}

std::vector<ParameterGroup> Trainer::parameters() const {
  std::vector<ParameterGroup> all;
  for (const auto& prompt : prompts_) all.push_back(prompt->parameters());
  return all;
}

void Trainer::read_steps(std::size_t leave) {
  while (unread_.size() > leave) {
    const Stopwatch waiting;
    const StepNumbers numbers(
        unread_.front().numbers.wait(setup_.mesh.world(), "numbers of the step"));
    telemetry::StepRecord record = std::move(unread_.front().record);
    unread_.pop_front();
    // The time of a step that was started meanwhile contains this wait.
    (unread_.empty() ? record : unread_.back().record).seconds += waiting.seconds();
    learn(numbers, std::move(record));
  }
}

void Trainer::learn(const StepNumbers& numbers, telemetry::StepRecord record) {
  record.loss = numbers.loss;
  record.grad_norm = numbers.grad_norm;
  record.tokens = numbers.tokens;
  record.samples = numbers.examples;
  for (std::size_t task = 0; task < numbers.tasks.size(); ++task) {
    const auto& [sum, count] = numbers.tasks[task];
    if (count > 0) record.losses.emplace_back(setup_.tasks[task].name, sum / count);
  }
  if (numbers.finite) {
    nonfinite_in_a_row_ = 0;
  } else {
    count_nonfinite_step(record);
  }
  last_loss_ = record.loss;
  tokens_ += record.tokens;
  setup_.observer.on_step(record);
}

void Trainer::count_nonfinite_step(const telemetry::StepRecord& record) {
  setup_.observer.on_nonfinite_step(record.step);
  if (++nonfinite_in_a_row_ <= setup_.train.max_nonfinite_steps) return;
  throw NumericsError("step " + std::to_string(record.step) + ": the loss (" +
                      std::to_string(record.loss) + ") or the gradient's norm (" +
                      std::to_string(record.grad_norm) + ") was not finite in " +
                      std::to_string(nonfinite_in_a_row_) +
                      " steps in a row; lower train.optimizer.lr, set train.max_grad_norm or "
                      "allow more of them with train.max_nonfinite_steps");
}

}  // namespace incipit::trainer
