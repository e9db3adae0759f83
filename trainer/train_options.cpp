#include "trainer/train_options.h"

#include <cmath>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/schema.h"

namespace incipit::trainer {
namespace {

class Checks {
 public:
  void require(bool ok, const std::string& key, const std::string& expected, double found) {
    if (ok && std::isfinite(found)) return;
    std::ostringstream number;
    number << found;
    problems_.push_back({key, "must be " + expected + ", is " + number.str()});
  }
  void add(const std::string& key, const std::string& message) {
    problems_.push_back({key, message});
  }
  [[nodiscard]] std::vector<OptionProblem> take() { return std::move(problems_); }

 private:
  std::vector<OptionProblem> problems_;
};

void validate_optimizer(const OptimizerOptions& o, Checks& checks) {
  checks.require(o.lr >= 0, "optimizer.lr", "at least 0", o.lr);
  checks.require(o.weight_decay >= 0, "optimizer.weight_decay", "at least 0", o.weight_decay);
  checks.require(o.beta1 >= 0 && o.beta1 < 1, "optimizer.beta1", "in [0, 1)", o.beta1);
  checks.require(o.beta2 >= 0 && o.beta2 < 1, "optimizer.beta2", "in [0, 1)", o.beta2);
  checks.require(o.eps > 0, "optimizer.eps", "above 0", o.eps);
  checks.require(o.momentum >= 0 && o.momentum < 1, "optimizer.momentum", "in [0, 1)", o.momentum);
  if (o.nesterov && o.momentum == 0) {
    checks.add("optimizer.nesterov", "needs a momentum above 0");
  }
  checks.require(o.decay_rate > 0, "optimizer.decay_rate", "above 0", o.decay_rate);
  checks.require(o.clipping_threshold >= 0, "optimizer.clipping_threshold", "at least 0 (0: off)",
                 o.clipping_threshold);
  checks.require(o.factored_eps > 0, "optimizer.factored_eps", "above 0", o.factored_eps);
  checks.require(o.min_dim_size_to_factor >= 1, "optimizer.min_dim_size_to_factor", "at least 1",
                 o.min_dim_size_to_factor);
}

}  // namespace

void declare(Schema& schema, OptimizerOptions& o) {
  const Bounds kShare{.min = 0, .max = 1, .open_max = true};
  const Bounds kAboveZero{.min = 0, .open_min = true};
  schema.choice("kind", o.kind,
                {{"adamw", OptimizerKind::kAdamW},
                 {"adafactor", OptimizerKind::kAdafactor},
                 {"sgd", OptimizerKind::kSgd}},
                "update rule");
  schema.field("lr", o.lr, "learning rate, before the schedule", {.min = 0, .max = 1e6});
  schema.field("weight_decay", o.weight_decay, "decoupled (adamw, adafactor) or added (sgd)",
               {.min = 0});
  schema.field("beta1", o.beta1, "adamw", kShare);
  schema.field("beta2", o.beta2, "adamw", kShare);
  schema.field("eps", o.eps, "adamw", kAboveZero);
  schema.field("momentum", o.momentum, "sgd", kShare);
  schema.field("nesterov", o.nesterov, "sgd; needs a momentum");
  schema.field("decay_rate", o.decay_rate, "adafactor: second moment decays by 1 - t^-rate",
               kAboveZero);
  schema.field("clipping_threshold", o.clipping_threshold,
               "adafactor: of the update's root mean square; 0: off", {.min = 0});
  schema.field("factored_eps", o.factored_eps, "adafactor: added to the squared gradient",
               kAboveZero);
  schema.field("min_dim_size_to_factor", o.min_dim_size_to_factor,
               "adafactor: smaller matrices keep a full second moment", {.min = 1});
  schema.field("multiply_by_parameter_scale", o.multiply_by_parameter_scale,
               "adafactor: rate relative to the parameter's size");
}

void declare(Schema& schema, ScheduleOptions& o) {
  schema.choice("kind", o.kind,
                {{"constant", ScheduleKind::kConstant},
                 {"linear", ScheduleKind::kLinear},
                 {"cosine", ScheduleKind::kCosine}},
                "how the learning rate falls after the warm-up");
  schema.field("warmup_steps", o.warmup_steps, "the rate rises linearly over them", {.min = 0});
  schema.field("final_ratio", o.final_ratio, "linear and cosine end at lr times this",
               {.min = 0, .max = 1});
}

void declare(Schema& schema, EarlyStopOptions& o) {
  schema.field("patience", o.patience, "evaluations without a gain before the end; 0: never",
               {.min = 0});
  schema.field("metric", o.metric, "what must gain; default: the task's first metric");
  schema.field("min_gain", o.min_gain, "what counts as a gain", {.min = 0});
}

void declare(Schema& schema, TrainOptions& o) {
  schema.field("steps", o.steps, "optimizer steps", {.min = 0});
  schema.field(
      "examples", o.examples,
      "train on this many, drawn by run.seed with the same share of every label; a smaller "
      "number draws a part of a larger one; 0: all",
      {.min = 0});
  schema.field("epochs", o.epochs,
               "passes over the train split, in place of `steps`; 0: `steps` counts",
               {.min = 0, .max = 1e6});
  schema.field("batch_size", o.batch_size, "examples of a step, in the whole job",
               {.min = 1, .max = 1 << 20});
  schema.integer_or("micro_batches", o.micro_batches, {{"auto", 0}},
                    "least number of them, where examples allow; auto: 2 for each pipeline stage, "
                    "else 1",
                    {.min = 1});
  schema.field("micro_batch_tokens", o.micro_batch_tokens, "rows computed at once on a rank",
               {.min = 1});
  schema.choice(
      "recompute", o.recompute, {{"none", Recompute::kNone}, {"layer", Recompute::kLayer}},
      "layer: keep a quarter of a layer's activations or less, and compute the rest again; "
      "changes memory and time, not results");
  schema.choice("loss", o.loss,
                {{"target_tokens", Loss::kTargetTokens},
                 {"candidates", Loss::kCandidates},
                 {"distillation", Loss::kDistillation}},
                "mean over the target tokens, cross-entropy over the verbalizers, or mean "
                "divergence from the model under the prompt of `distill`");
  schema.field("shuffle", o.shuffle, "a new order every epoch; false: file order");
  schema.block("optimizer", o.optimizer, "update rule");
  schema.block("schedule", o.schedule, "learning rate over the steps");
  schema.field("max_grad_norm", o.max_grad_norm, "clips the global norm; 0: off", {.min = 0});
  schema.field("eval_every", o.eval_every,
               "steps between evaluations on the validation split; 0: never", {.min = 0});
  schema.field("checkpoint_every", o.checkpoint_every,
               "steps between checkpoints; 0: only when a signal stops the run", {.min = 0});
  schema.field("keep_checkpoints", o.keep_checkpoints, "older ones are removed", {.min = 1});
  schema.field("max_checkpoint_failures", o.max_checkpoint_failures,
               "saves that fail in a row before the run ends with exit code 3", {.min = 1});
  schema.block("early_stop", o.early_stop, "when to end before the last step");
  schema.field("max_nonfinite_steps", o.max_nonfinite_steps,
               "skipped in a row before the run ends with exit code 5", {.min = 0});
  schema.field("checksum_every", o.checksum_every,
               "steps between comparisons of the ranks' prompts; 0: never", {.min = 0});
}

std::int64_t steps_to_train(const TrainOptions& options, std::int64_t examples) {
  if (options.epochs == 0) return options.steps;
  const double samples = options.epochs * static_cast<double>(examples);
  return static_cast<std::int64_t>(std::ceil(samples / static_cast<double>(options.batch_size)));
}

void require_warmup_within_steps(const TrainOptions& options) {
  if (options.schedule.warmup_steps <= options.steps) return;
  throw ConfigError(
      "train.schedule.warmup_steps: must be between 0 and the steps of train.epochs (" +
      std::to_string(options.steps) + "), is " + std::to_string(options.schedule.warmup_steps));
}

std::vector<OptionProblem> validate(const TrainOptions& t) {
  Checks checks;
  const auto count = [&](std::int64_t value, std::int64_t least, const std::string& key) {
    checks.require(value >= least, key, "at least " + std::to_string(least),
                   static_cast<double>(value));
  };
  count(t.steps, 0, "steps");
  count(t.examples, 0, "examples");
  count(t.batch_size, 1, "batch_size");
  count(t.micro_batch_tokens, 1, "micro_batch_tokens");
  count(t.micro_batches, 0, "micro_batches");
  count(t.eval_every, 0, "eval_every");
  count(t.checkpoint_every, 0, "checkpoint_every");
  count(t.keep_checkpoints, 1, "keep_checkpoints");
  count(t.max_checkpoint_failures, 1, "max_checkpoint_failures");
  count(t.max_nonfinite_steps, 0, "max_nonfinite_steps");
  count(t.checksum_every, 0, "checksum_every");
  validate_optimizer(t.optimizer, checks);
  checks.require(
      t.schedule.warmup_steps >= 0 && (t.epochs > 0 || t.schedule.warmup_steps <= t.steps),
      "schedule.warmup_steps", "between 0 and train.steps (" + std::to_string(t.steps) + ")",
      static_cast<double>(t.schedule.warmup_steps));
  checks.require(t.schedule.final_ratio >= 0 && t.schedule.final_ratio <= 1, "schedule.final_ratio",
                 "in [0, 1]", t.schedule.final_ratio);
  checks.require(t.max_grad_norm >= 0, "max_grad_norm", "at least 0 (0: off)", t.max_grad_norm);
  count(t.early_stop.patience, 0, "early_stop.patience");
  checks.require(t.early_stop.min_gain >= 0, "early_stop.min_gain", "at least 0",
                 t.early_stop.min_gain);
  if (t.early_stop.patience > 0 && t.eval_every == 0) {
    checks.add("early_stop.patience", "needs train.eval_every above 0");
  }
  return checks.take();
}

}  // namespace incipit::trainer
