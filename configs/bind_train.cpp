#include "configs/bindings.h"

namespace incipit::configs {
namespace {

void bind_optimizer(trainer::OptimizerOptions& o, Block& block) {
  using trainer::OptimizerKind;
  const Range kShare{.min = 0, .max = 1, .open_max = true};
  const Range kAboveZero{.min = 0, .open_min = true};
  block.choice("kind", o.kind,
               {{"adamw", OptimizerKind::kAdamW},
                {"adafactor", OptimizerKind::kAdafactor},
                {"sgd", OptimizerKind::kSgd}},
               "update rule");
  block.field("lr", o.lr, "learning rate, before the schedule", {.min = 0, .max = 1e6});
  block.field("weight_decay", o.weight_decay, "decoupled (adamw, adafactor) or added (sgd)",
              {.min = 0});
  block.field("beta1", o.beta1, "adamw", kShare);
  block.field("beta2", o.beta2, "adamw", kShare);
  block.field("eps", o.eps, "adamw", kAboveZero);
  block.field("momentum", o.momentum, "sgd", kShare);
  block.field("nesterov", o.nesterov, "sgd; needs a momentum");
  block.field("decay_rate", o.decay_rate, "adafactor: second moment decays by 1 - t^-rate",
              kAboveZero);
  block.field("clipping_threshold", o.clipping_threshold,
              "adafactor: of the update's root mean square; 0: off", {.min = 0});
  block.field("factored_eps", o.factored_eps, "adafactor: added to the squared gradient",
              kAboveZero);
  block.field("min_dim_size_to_factor", o.min_dim_size_to_factor,
              "adafactor: smaller matrices keep a full second moment", {.min = 1});
  block.field("multiply_by_parameter_scale", o.multiply_by_parameter_scale,
              "adafactor: rate relative to the parameter's size");
}

void bind_schedule(trainer::ScheduleOptions& o, Block& block) {
  using trainer::ScheduleKind;
  block.choice("kind", o.kind,
               {{"constant", ScheduleKind::kConstant},
                {"linear", ScheduleKind::kLinear},
                {"cosine", ScheduleKind::kCosine}},
               "how the learning rate falls after the warm-up");
  block.field("warmup_steps", o.warmup_steps, "the rate rises linearly over them", {.min = 0});
  block.field("final_ratio", o.final_ratio, "linear and cosine end at lr times this",
              {.min = 0, .max = 1});
}

void bind_early_stop(trainer::EarlyStopOptions& o, Block& block) {
  block.field("patience", o.patience, "evaluations without a gain before the end; 0: never",
              {.min = 0});
  block.field("metric", o.metric, "what must gain; default: the task's first metric");
  block.field("min_gain", o.min_gain, "what counts as a gain", {.min = 0});
}

}  // namespace

void bind_train(trainer::TrainOptions& o, Block& block) {
  using trainer::Loss;
  block.field("steps", o.steps, "optimizer steps", {.min = 0});
  block.field("batch_size", o.batch_size, "examples of a step, in the whole job", {.min = 1});
  block.integer_or("micro_batches", o.micro_batches, {{"auto", 0}},
                   "least number of them, where examples allow; auto: 2 for each pipeline stage, "
                   "else 1",
                   {.min = 1});
  block.field("micro_batch_tokens", o.micro_batch_tokens, "rows computed at once on a rank",
              {.min = 1});
  block.choice("loss", o.loss,
               {{"target_tokens", Loss::kTargetTokens}, {"candidates", Loss::kCandidates}},
               "mean over the target tokens, or cross-entropy over the verbalizers");
  block.field("shuffle", o.shuffle, "a new order every epoch; false: file order");
  bind_optimizer(o.optimizer, block.block("optimizer", "update rule"));
  bind_schedule(o.schedule, block.block("schedule", "learning rate over the steps"));
  block.field("max_grad_norm", o.max_grad_norm, "clips the global norm; 0: off", {.min = 0});
  block.field("eval_every", o.eval_every,
              "steps between evaluations on the validation split; 0: never", {.min = 0});
  block.field("checkpoint_every", o.checkpoint_every,
              "steps between checkpoints; 0: only when a signal stops the run", {.min = 0});
  block.field("keep_checkpoints", o.keep_checkpoints, "older ones are removed", {.min = 1});
  block.field("max_checkpoint_failures", o.max_checkpoint_failures,
              "saves that fail in a row before the run ends with exit code 3", {.min = 1});
  bind_early_stop(o.early_stop, block.block("early_stop", "when to end before the last step"));
  block.field("max_nonfinite_steps", o.max_nonfinite_steps,
              "skipped in a row before the run ends with exit code 5", {.min = 0});
  block.field("checksum_every", o.checksum_every,
              "steps between comparisons of the ranks' prompts; 0: never", {.min = 0});
}

}  // namespace incipit::configs
