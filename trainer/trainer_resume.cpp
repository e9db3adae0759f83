// Trainer: saving state and resuming from it.
#include <chrono>
#include <cstring>
#include <functional>
#include <span>

#include "core/error.h"
#include "core/log.h"
#include "core/stop_request.h"
#include "trainer/checkpoint.h"
#include "trainer/gradient.h"
#include "trainer/trainer.h"

namespace incipit::trainer {
namespace {

std::span<std::byte> writable_bytes(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

// Copies the saved tensor into `target`.
void take_over(const TrainState& state, const std::string& name, at::Tensor target) {
  const auto found = state.tensors.find(name);
  if (found == state.tensors.end() || found->second.sizes() != target.sizes() ||
      found->second.scalar_type() != target.scalar_type()) {
    throw DataError("the checkpoint of step " + std::to_string(state.step) + " has no tensor '" +
                    name + "' as this configuration needs it; start anew with --fresh");
  }
  target.copy_(found->second);
}

}  // namespace

TrainState Trainer::state() const {
  TrainState state{.step = step_,
                   .seed = setup_.seed,
                   .samples = step_ * setup_.train.batch_size,
                   .tokens = tokens_,
                   .last_loss = last_loss_,
                   .nonfinite_in_a_row = nonfinite_in_a_row_,
                   .evaluated_at = evaluated_at_,
                   .early_stop = early_stop_.state(),
                   .prompts = best_at_,
                   .task_scores = task_scores_};
  for (const auto& [name, tensor] : state_tensors()) {
    state.tensors[name] = tensor.clone();
  }
  return state;
}

std::string Trainer::tensor_name(const char* name, std::size_t prompt,
                                 const methods::Parameter& parameter) const {
  std::string full = name;
  if (several_prompts()) full += "." + setup_.tasks[prompt].name;
  if (prompts_[prompt]->parameters().size() > 1) full += "." + parameter.name;
  return full;
}

std::vector<NamedTensor> Trainer::state_tensors() const {
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const auto& parameters = prompts_[i]->parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      tensors.push_back({tensor_name(kPromptTensor, i, parameters[p]), parameters[p].value});
      if (best_[i].empty()) continue;
      tensors.push_back({tensor_name(kBestPromptTensor, i, parameters[p]), best_[i][p]});
    }
  }
  for (NamedTensor& entry : optimizer_->state()) {
    tensors.push_back({kOptimizerPrefix + entry.name, entry.tensor});
  }
  return tensors;
}

void Trainer::restore(const TrainState& saved) {
  comm::Communicator& world = setup_.mesh.world();
  const TrainState state =
      parse_scalars(world.broadcast(scalars_json(saved), 0, "resume"), "the checkpoint of rank 0");
  if (state.seed != setup_.seed || state.samples != state.step * setup_.train.batch_size ||
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
  for (const auto& [name, tensor] : state_tensors()) {
    if (world.rank() == 0) take_over(saved, name, tensor);
    world.broadcast(writable_bytes(tensor), 0, "resume");
  }
  batches_ = make_batches();
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    if (!best_[i].empty()) try_to_save([&] { save("best", i, best_[i]); });
  }
}

// Checks on every rank that the prompts are finite, so that all ranks stop when they are not. Rank
// 0 writes.
void Trainer::checkpoint() {
  for (const methods::Parameter& parameter : parameters()) {
    require_finite(parameter.value, "the prompt");
  }
  saved_at_ = step_;
  if (setup_.mesh.world().rank() != 0) return;
  const comm::Activity::Scope scope(activity(), "checkpoint");
  const auto start = std::chrono::steady_clock::now();
  const bool saved = try_to_save([&] {
    write_checkpoint(setup_.run_dir, state(), setup_.facts);
    remove_old_checkpoints(setup_.run_dir, step_, setup_.train.keep_checkpoints);
    save_last();
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
