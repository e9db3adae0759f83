// Evaluations, and what a run leaves behind.
#include <array>

#include "core/error.h"
#include "core/stop_request.h"
#include "eval/results.h"
#include "trainer/gradient.h"
#include "trainer/trainer.h"

namespace incipit::trainer {

eval::SplitResult Trainer::score(const std::string& name, const data::Dataset& split,
                                 const at::Tensor& prompt) const {
  const comm::Activity::Scope scope(activity(), "evaluation");
  return eval::evaluate(setup_.backbone, setup_.task, split, prompt, setup_.eval,
                        setup_.mesh.batch(), [&](std::int64_t done, std::int64_t total) {
                          setup_.observer.on_evaluation_progress(name, done, total);
                        });
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

void Trainer::evaluate() try {
  const auto result = score("select", setup_.splits.select, prompt_.value);
  setup_.observer.on_scores(step_, "select", result.metrics);
  if (!setup_.task.generates()) {
    setup_.observer.on_predictions(step_, setup_.splits.select, result.scores.predictions);
  }
  evaluated_at_ = step_;
  if (!early_stop_.update(step_, selection_score(result.metrics))) return;
  best_ = prompt_.value.clone();
  require_finite(best_, "the soft prompt");
  try_to_save([&] { save("best", best_); });
} catch (const Stopped&) {
  stopping_ = true;  // the evaluation is made again when the run goes on
}

// The checkpoint comes first: a run with more steps goes on from there as if it had never ended.
TrainResult Trainer::finish() {
  if (setup_.train.checkpoint_every > 0 && saved_at_ != step_) checkpoint();
  save("last", prompt_.value);
  if (setup_.train.eval_every > 0 && evaluated_at_ != step_) evaluate();
  const at::Tensor best = best_.defined() ? best_ : prompt_.value;
  if (!stopping_) save("best", best);
  TrainResult result;
  result.steps = step_;
  result.stopped_early = step_ < setup_.train.steps;
  result.last_loss = last_loss_;
  result.metric = selection_metric_;
  if (const auto best = early_stop_.best_score()) {
    result.best_score = eval::higher_is_better(result.metric) ? *best : -*best;
  }
  result.best_step = result.best_score ? early_stop_.best_step() : step_;
  try {
    if (!stopping_ && !setup_.splits.test.empty()) result.test = test(best);
  } catch (const Stopped&) {
    stopping_ = true;
  }
  return stopping_ ? stopped() : result;
}

// Scores the test split, once.
eval::Metrics Trainer::test(const at::Tensor& best) {
  const data::Dataset& split = setup_.splits.test;
  const auto result = score("test", split, best);
  setup_.observer.on_scores(step_, "test", result.metrics);
  if (setup_.mesh.world().rank() == 0) {
    const std::array<eval::NamedResult, 1> named{{{"test", &split, &result}}};
    eval::write_results(setup_.run_dir, named);
  }
  return result.metrics;
}

}  // namespace incipit::trainer
