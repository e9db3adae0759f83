// Trainer: saving state and resuming from it.
#include <chrono>
#include <cstring>
#include <functional>
#include <span>

#include "core/error.h"
#include "core/log.h"
#include "core/stop_request.h"
#include "nn/collectives.h"
#include "trainer/checkpoint.h"
#include "trainer/require_finite.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

// Returns a tensor of the state.
at::Tensor saved_tensor(const TrainState& state, const std::string& name, at::IntArrayRef shape,
                        at::ScalarType dtype) {
  const auto found = state.tensors.find(name);
  if (found == state.tensors.end() || found->second.sizes() != shape ||
      found->second.scalar_type() != dtype) {
    throw DataError("the checkpoint of step " + std::to_string(state.step) + " has no tensor '" +
                    name + "' as this configuration needs it; start anew with --fresh");
  }
  return found->second;
}

std::string joined(const std::string& name, const std::string& own) {
  return own.empty() ? name : name + "." + own;
}

}  // namespace

TrainState Trainer::state() const {
  TrainState state{.step = step_,
                   .seed = setup_.seed,
                   .samples = step_ * batch_size(),
                   .tokens = tokens_,
                   .last_loss = last_loss_,
                   .nonfinite_in_a_row = nonfinite_in_a_row_,
                   .evaluated_at = evaluated_at_,
                   .early_stop = early_stop_.state(),
                   .prompts = best_at_,
                   .task_scores = task_scores_};
  for (const auto& [name, prompt, parts] : state_tensors()) {
    for (auto& [own, tensor] : prompts_[prompt]->whole(setup_.mesh, parts)) {
      state.tensors[joined(name, own)] = std::move(tensor);
    }
  }
  if (setup_.mesh.world().rank() == 0) {
    state.tensors[kStepsTensor] =
        optimizer_->steps().to(at::kCPU, at::kLong, /*non_blocking=*/false, /*copy=*/true);
  }
  return state;
}

std::vector<Trainer::StateTensors> Trainer::state_tensors() const {
  std::vector<StateTensors> all;
  const auto add = [&](const std::string& name, std::size_t prompt, std::vector<at::Tensor> of) {
    all.push_back(
        {several_prompts() ? name + "." + setup_.tasks[prompt].name : name, prompt, std::move(of)});
  };
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    add(kPromptTensor, i, methods::current_parameters(*prompts_[i]));
    if (!best_[i].empty()) add(kBestPromptTensor, i, best_[i]);
  }
  for (OptimizerState& entry : optimizer_->state()) {
    add(kOptimizerPrefix + entry.name, entry.group, std::move(entry.tensors));
  }
  return all;
}

void Trainer::restore(const TrainState& saved) {
  comm::Communicator& world = setup_.mesh.world();
  const TrainState state =
      parse_scalars(world.broadcast(scalars_json(saved), 0, "resume"), "the checkpoint of rank 0");
  if (state.seed != setup_.seed || state.samples != state.step * batch_size() ||
      state.prompts.size() != prompts_.size() || state.task_scores.size() != setup_.tasks.size()) {
    throw DataError("the checkpoint of step " + std::to_string(state.step) +
                    " is of another seed, batch size or number of tasks; start anew with --fresh");
  }
  step_ = state.step;
  tokens_ = state.tokens;
  last_loss_ = state.last_loss;
  nonfinite_in_a_row_ = state.nonfinite_in_a_row;
  evaluated_at_ = state.evaluated_at;
  saved_at_ = state.step;
  early_stop_.restore(state.early_stop);
  best_at_ = state.prompts;
  task_scores_ = state.task_scores;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (!best_at_[i].score) continue;
    for (const methods::Parameter& parameter : prompts_[i]->parameters()) {
      best_[i].push_back(parameter.value.clone());
    }
  }
  for (const auto& [name, prompt, parts] : state_tensors()) {
    const auto whole = [&, &prefix = name](const std::string& own, at::IntArrayRef shape) {
      return saved_tensor(saved, joined(prefix, own), shape, at::kFloat);
    };
    prompts_[prompt]->scatter(setup_.mesh, whole, parts);
  }
  const at::Tensor steps = optimizer_->steps();
  if (world.rank() == 0) {
    steps.copy_(saved_tensor(saved, kStepsTensor, steps.sizes(), at::kLong));
  }
  nn::broadcast_from(world, steps, 0, "resume");
  batches_ = make_batches();
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (!best_[i].empty()) save_during_run("best", i, best_[i]);
  }
}

// Checks on every rank that the prompts are finite, so that all ranks stop when they are not. Rank
// 0 writes.
void Trainer::checkpoint() {
  for (const auto& prompt : prompts_) {
    for (const methods::Parameter& parameter : prompt->parameters()) {
      require_finite(parameter.value, "the prompt");
    }
  }
  saved_at_ = step_;
  const TrainState state = this->state();
  if (setup_.mesh.world().rank() != 0) return;
  const comm::Activity::Scope scope(activity(), "checkpoint");
  const auto start = std::chrono::steady_clock::now();
  const bool saved = try_to_save([&] {
    write_checkpoint(setup_.run_dir, state, setup_.facts);
    remove_old_checkpoints(setup_.run_dir, step_, setup_.train.keep_checkpoints);
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      if (!prompts_[i]->trains_backbone()) save("last", i, current_parameters(*prompts_[i]));
    }
  });
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  setup_.observer.on_checkpoint(step_, taken.count(), saved);
  if (saved) {
    save_failures_ = 0;
  } else if (stopping_ || save_failures_ >= setup_.train.max_checkpoint_failures) {
    throw DataError(save_problem_ + " (" + std::to_string(save_failures_) +
                    " failures in a row); the last whole checkpoint stays: make room, then start "
                    "again");
  }
}

// A failed save must not lose the training so far: it is logged as a warning and counted. If the
// run directory is gone, saving would make half a new one.
bool Trainer::try_to_save(const std::function<void()>& action) {
  if (run_folder_) run_folder_->require_unchanged();
  try {
    action();
    return true;
  } catch (const DataError& error) {
    ++save_failures_;
    save_problem_ = error.what();
    log::warn("step {}: nothing was saved: {}", step_, error.what());
    return false;
  }
}

TrainResult Trainer::stopped() {
  if (saved_at_ != step_) checkpoint();
  TrainResult result;
  result.steps = step_;
  result.last_loss = last_loss_;
  result.stopped = true;
  return result;
}

}  // namespace incipit::trainer
