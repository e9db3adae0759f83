// The `train:` block of a run's YAML. Torch-free.
#pragma once

#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/option_problem.h"

namespace incipit::trainer {

enum class Loss {
  kTargetTokens,  // target_tokens: mean negative log-likelihood of the target tokens
  kCandidates,    // candidates: cross-entropy over the verbalizers, mean over examples
};

enum class OptimizerKind { kAdamW, kAdafactor, kSgd };  // adamw, adafactor, sgd

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double lr = 0.01;  // >= 0; the schedule multiplies it
  // >= 0. adamw: multiplied by the learning rate and subtracted from the value. adafactor:
  // subtracted from the value at every step, whatever the learning rate (T5X). sgd: added to the
  // gradient.
  double weight_decay = 0.0;
  // adamw
  double beta1 = 0.9;    // [0, 1)
  double beta2 = 0.999;  // [0, 1)
  double eps = 1e-8;     // > 0
  // sgd
  double momentum = 0.0;  // [0, 1)
  bool nesterov = false;  // needs momentum > 0
  // adafactor, with T5X's defaults for prompt tuning
  double decay_rate = 0.8;           // > 0; second moment decays by 1 - t^-decay_rate
  double clipping_threshold = 1.0;   // on the update's root mean square; 0: off
  double factored_eps = 1e-30;       // > 0; added to the squared gradient
  int min_dim_size_to_factor = 128;  // >= 1
  bool multiply_by_parameter_scale = false;
};

enum class ScheduleKind { kConstant, kLinear, kCosine };  // constant, linear, cosine

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kConstant;
  std::int64_t warmup_steps = 0;  // 0..steps; learning rate rises linearly from lr / warmup_steps
  double final_ratio = 0.0;       // 0..1; linear and cosine end at lr * final_ratio
};

// Early stopping: ends the run when the score on the validation split has not risen for `patience`
// evaluations.
struct EarlyStopOptions {
  int patience = 0;         // evaluations; 0: never stop early
  std::string metric = {};  // a metric of the task; empty: its first
  double min_gain = 0.0;    // >= 0; smallest increase that counts as risen
};

struct TrainOptions {
  std::int64_t steps = 300;                // >= 0
  std::int64_t batch_size = 32;            // global: examples over all ranks; >= 1
  std::int64_t micro_batch_tokens = 8192;  // rows per forward pass on a rank; >= 1
  // Minimum number of micro-batches, if there are enough examples. 0 (auto): two per pipeline
  // stage, so that stages wait little for each other; 1 without stages.
  int micro_batches = 0;
  Loss loss = Loss::kTargetTokens;
  bool shuffle = true;  // false: file order
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  double max_grad_norm = 0.0;           // maximum of the global gradient norm; 0: off
  std::int64_t eval_every = 100;        // steps; 0: never
  std::int64_t checkpoint_every = 100;  // steps; 0: only when a signal stops the run
  int keep_checkpoints = 2;             // number of newest ones to keep; >= 1
  int max_checkpoint_failures = 3;      // this many in a row end the run with exit code 3; >= 1
  EarlyStopOptions early_stop;
  int max_nonfinite_steps = 5;       // skips allowed in a row; one more ends with exit code 5
  std::int64_t checksum_every = 50;  // steps between checks that replicas agree; 0: never
};

namespace detail {

class Problems {
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

inline void validate_optimizer(const OptimizerOptions& o, Problems& problems) {
  problems.require(o.lr >= 0, "optimizer.lr", "at least 0", o.lr);
  problems.require(o.weight_decay >= 0, "optimizer.weight_decay", "at least 0", o.weight_decay);
  problems.require(o.beta1 >= 0 && o.beta1 < 1, "optimizer.beta1", "in [0, 1)", o.beta1);
  problems.require(o.beta2 >= 0 && o.beta2 < 1, "optimizer.beta2", "in [0, 1)", o.beta2);
  problems.require(o.eps > 0, "optimizer.eps", "above 0", o.eps);
  problems.require(o.momentum >= 0 && o.momentum < 1, "optimizer.momentum", "in [0, 1)",
                   o.momentum);
  if (o.nesterov && o.momentum == 0) {
    problems.add("optimizer.nesterov", "needs a momentum above 0");
  }
  problems.require(o.decay_rate > 0, "optimizer.decay_rate", "above 0", o.decay_rate);
  problems.require(o.clipping_threshold >= 0, "optimizer.clipping_threshold", "at least 0 (0: off)",
                   o.clipping_threshold);
  problems.require(o.factored_eps > 0, "optimizer.factored_eps", "above 0", o.factored_eps);
  problems.require(o.min_dim_size_to_factor >= 1, "optimizer.min_dim_size_to_factor", "at least 1",
                   o.min_dim_size_to_factor);
}

}  // namespace detail

// Returns every value that is out of range, with keys relative to the block ("optimizer.lr").
[[nodiscard]] inline std::vector<OptionProblem> validate(const TrainOptions& t) {
  detail::Problems problems;
  const auto count = [&](std::int64_t value, std::int64_t least, const std::string& key) {
    problems.require(value >= least, key, "at least " + std::to_string(least),
                     static_cast<double>(value));
  };
  count(t.steps, 0, "steps");
  count(t.batch_size, 1, "batch_size");
  count(t.micro_batch_tokens, 1, "micro_batch_tokens");
  count(t.micro_batches, 0, "micro_batches");
  count(t.eval_every, 0, "eval_every");
  count(t.checkpoint_every, 0, "checkpoint_every");
  count(t.keep_checkpoints, 1, "keep_checkpoints");
  count(t.max_checkpoint_failures, 1, "max_checkpoint_failures");
  count(t.max_nonfinite_steps, 0, "max_nonfinite_steps");
  count(t.checksum_every, 0, "checksum_every");
  detail::validate_optimizer(t.optimizer, problems);
  problems.require(t.schedule.warmup_steps >= 0 && t.schedule.warmup_steps <= t.steps,
                   "schedule.warmup_steps",
                   "between 0 and train.steps (" + std::to_string(t.steps) + ")",
                   static_cast<double>(t.schedule.warmup_steps));
  problems.require(t.schedule.final_ratio >= 0 && t.schedule.final_ratio <= 1,
                   "schedule.final_ratio", "in [0, 1]", t.schedule.final_ratio);
  problems.require(t.max_grad_norm >= 0, "max_grad_norm", "at least 0 (0: off)", t.max_grad_norm);
  count(t.early_stop.patience, 0, "early_stop.patience");
  problems.require(t.early_stop.min_gain >= 0, "early_stop.min_gain", "at least 0",
                   t.early_stop.min_gain);
  if (t.early_stop.patience > 0 && t.eval_every == 0) {
    problems.add("early_stop.patience", "needs train.eval_every above 0");
  }
  return problems.take();
}

}  // namespace incipit::trainer
