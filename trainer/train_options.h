// The `train:` block of a run's YAML. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::trainer {

enum class Loss {
  kTargetTokens,  // target_tokens: mean negative log-likelihood of the target tokens
  kCandidates,    // candidates: cross-entropy over the verbalizers, mean over examples
  kDistillation,  // distillation: mean divergence from the model under the prompt of `distill:`
};

// What a step computes again in its backward pass, so that it need not be kept.
enum class Recompute {
  kNone,   // none
  kLayer,  // layer: all of a layer but its input and the result of its attention
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
  // adafactor, with the defaults of T5X
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
  std::int64_t examples = 0;               // training examples to draw; 0: all
  double epochs = 0.0;                     // passes over the train split; 0: `steps` counts
  std::int64_t batch_size = 32;            // global: examples over all ranks; >= 1
  std::int64_t micro_batch_tokens = 8192;  // rows per forward pass on a rank; >= 1
  // Minimum number of micro-batches, if there are enough examples. 0 (auto): two per pipeline
  // stage, so that stages wait little for each other; 1 without stages.
  int micro_batches = 0;
  Recompute recompute = Recompute::kNone;
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

// Declares the keys of the block and of those in it.
void declare(Schema& schema, OptimizerOptions& options);
void declare(Schema& schema, ScheduleOptions& options);
void declare(Schema& schema, EarlyStopOptions& options);
void declare(Schema& schema, TrainOptions& options);

// Returns the number of steps for a train split of so many examples: those of `epochs`, rounded up,
// or `steps`.
[[nodiscard]] std::int64_t steps_to_train(const TrainOptions& options, std::int64_t examples);

// Throws ConfigError if the warm-up is longer than the steps, which `epochs` may decide.
void require_warmup_within_steps(const TrainOptions& options);

// Returns every value that is out of range, with keys relative to the block ("optimizer.lr").
[[nodiscard]] std::vector<OptionProblem> validate(const TrainOptions& options);

}  // namespace incipit::trainer
