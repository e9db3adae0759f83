#include "trainer/trainer.h"

#include <array>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/gradient_reduction.h"
#include "core/error.h"
#include "core/stop_request.h"
#include "nn/flops.h"
#include "trainer/gradient.h"
#include "trainer/schedule.h"
#include "trainer/step.h"

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
    if (due(setup_.train.checksum_every)) check_replicas();
    if (evaluation_due() && !stopping_) evaluate();
    if (due(setup_.train.checkpoint_every) && !stopping_) checkpoint();
  }
  return stopping_ ? stopped() : finish();
}

void Trainer::train_step() {
  const Stopwatch whole;
  activity().set_step(step_);
  const double waited = batches_->wait_seconds();
  const TrainBatch batch = batches_->next();
  telemetry::StepRecord record{.step = step_, .learning_rate = learning_rate()};
  record.data_wait_seconds = batches_->wait_seconds() - waited;

  const double talked = setup_.mesh.world().context().seconds;
  const double computed = nn::counted_flops();
  comm::BatchTotals totals = compute_gradient(batch);
  record.flops = nn::counted_flops() - computed;
  reduce(totals);
  const std::vector<bool> learns = add_task_losses(batch, record);
  record.comm_seconds = setup_.mesh.world().context().seconds - talked;

  record.loss = totals.loss_sum / totals.target_count;
  record.grad_norm = gradient_norm();
  record.tokens = std::llround(totals.tokens);
  record.samples = std::llround(totals.examples);
  const bool finite = std::isfinite(record.loss) && std::isfinite(record.grad_norm);
  std::array<std::int64_t, 2> flags{finite ? 0 : 1, stop_requested() ? 1 : 0};
  setup_.mesh.world().all_reduce_max(std::span<std::int64_t>(flags), "finite numbers, a stop");
  stopping_ = flags[1] != 0;
  if (flags[0] != 0) {
    skip_update(record);
  } else {
    clip_gradients(record.grad_norm);
    optimizer_->step(record.learning_rate, learns);
    nonfinite_in_a_row_ = 0;
  }
  last_loss_ = record.loss;
  tokens_ += record.tokens;
  record.seconds = whole.seconds();
  setup_.observer.on_step(record);
}

std::vector<ParameterGroup> Trainer::parameters() const {
  std::vector<ParameterGroup> all;
  for (const auto& prompt : prompts_) all.push_back(prompt->parameters());
  return all;
}

double Trainer::gradient_norm() const {
  double squares = 0;
  for (const auto& prompt : prompts_) squares += prompt->squared_gradient_norm(setup_.mesh);
  return std::sqrt(squares);
}

void Trainer::clip_gradients(double norm) {
  for (const auto& prompt : prompts_) {
    for (const methods::Parameter& parameter : prompt->parameters()) {
      clip_gradient(parameter.grad, norm, setup_.train.max_grad_norm);
    }
  }
}

// Fills the gradient with this rank's part of the sum over the global batch.
comm::BatchTotals Trainer::compute_gradient(const TrainBatch& batch) {
  const comm::Activity::Scope scope(activity(), "forward and backward");
  const auto objective = make_objective(setup_.train.loss, batch, setup_.backbone.device());
  model_.start_gradients();
  StepSums sums = forward_backward(model_, batch.packed.forest, *objective,
                                   micro_batches(setup_.train, setup_.mesh.shape().pipeline));
  log_likelihoods_ = std::move(sums.log_likelihoods);
  return {.loss_sum = sums.loss.item<double>(),
          .target_count = sums.count,
          .tokens = static_cast<double>(sums.rows),
          .examples = setup_.backbone.partition().scores ? static_cast<double>(batch.examples) : 0};
}

// Sums over the ranks. The gradients become those of the mean loss of the global batch.
void Trainer::reduce(comm::BatchTotals& totals) {
  model_.collect_gradients();
  model_.sum_gradients(setup_.mesh);
  totals = comm::reduce_totals(setup_.mesh, totals);
  model_.finish_gradients(totals.target_count);
}

// Records the mean loss of each task in the global batch. Returns whether each prompt occurs in the
// batch. Collective, except with one task, for which both are already known.
std::vector<bool> Trainer::add_task_losses(const TrainBatch& batch, telemetry::StepRecord& record) {
  const std::size_t tasks = setup_.tasks.size();
  std::vector<bool> present(prompts_.size(), tasks == 1);
  if (tasks == 1) return present;
  std::vector<double> sums(2 * tasks, 0);  // loss and count per task
  for (std::size_t task = 0; task < tasks && setup_.backbone.partition().scores; ++task) {
    const auto objective =
        make_objective(setup_.train.loss, batch, static_cast<int>(task), setup_.backbone.device());
    sums[2 * task] = objective->evaluate(log_likelihoods_).loss.item<double>();
    sums[2 * task + 1] = objective->count();
  }
  setup_.mesh.along(comm::kBatch | comm::kPipeline)
      .all_reduce_sum(std::span<double>(sums), "losses of the tasks");
  for (std::size_t task = 0; task < tasks; ++task) {
    if (sums[2 * task + 1] == 0) continue;
    record.losses.emplace_back(setup_.tasks[task].name, sums[2 * task] / sums[2 * task + 1]);
    present[prompt_of(task)] = true;
  }
  return present;
}

void Trainer::skip_update(const telemetry::StepRecord& record) {
  setup_.observer.on_nonfinite_step(step_);
  if (++nonfinite_in_a_row_ <= setup_.train.max_nonfinite_steps) return;
  throw NumericsError("step " + std::to_string(step_) + ": the loss (" +
                      std::to_string(record.loss) + ") or the gradient's norm (" +
                      std::to_string(record.grad_norm) + ") was not finite in " +
                      std::to_string(nonfinite_in_a_row_) +
                      " steps in a row; lower train.optimizer.lr, set train.max_grad_norm or "
                      "allow more of them with train.max_nonfinite_steps");
}

}  // namespace incipit::trainer
