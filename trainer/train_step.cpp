#include "trainer/train_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "core/check.h"
#include "core/phase.h"
#include "nn/collectives.h"
#include "nn/host_copy.h"

namespace incipit::trainer {
namespace {

// Positions in the numbers of a step. The tasks' sums of losses and counts follow, alternating.
enum : std::int64_t { kLoss, kCount, kTokens, kExamples, kGradSquares, kNotFinite, kFirstTask };

// Returns this rank's contribution to the numbers. Pipeline stages without scores have none.
at::Tensor contribution(const StepSums& sums, const StepBatch& batch,
                        const model::Backbone& backbone) {
  std::vector<double> known(kFirstTask + 2 * batch.tasks.size(), 0);
  const bool scores = backbone.partition().scores;
  if (scores) {
    known[kCount] = sums.count;
    known[kTokens] = static_cast<double>(sums.rows);
    known[kExamples] = static_cast<double>(batch.examples);
    for (std::size_t task = 0; task < batch.tasks.size(); ++task) {
      known[kFirstTask + 2 * task + 1] = batch.tasks[task]->count();
    }
  }
  const at::Tensor numbers = nn::upload(std::span<const double>(known), backbone.device());
  const auto set = [&](std::int64_t position, const at::Tensor& value) {
    numbers.select(0, position).copy_(value);
  };
  set(kLoss, sums.loss);
  for (std::size_t task = 0; task < batch.tasks.size() && scores; ++task) {
    set(kFirstTask + 2 * static_cast<std::int64_t>(task),
        batch.tasks[task]->evaluate(sums.log_likelihoods).loss);
  }
  return numbers;
}

// Returns the sum of the squares of all gradients, [] float64. Collective over the mesh.
at::Tensor gradient_squares(const methods::PromptedModel& model, const comm::Mesh& mesh) {
  const at::Tensor squares =
      at::zeros({}, at::TensorOptions(model.backbone().device()).dtype(at::kDouble));
  for (std::size_t i = 0; i < model.prompt_count(); ++i) {
    squares.add_(model.prompt(i).squared_gradient_norm(mesh));
  }
  return squares;
}

// Scales the gradients so that their norm is at most `max_norm`, as torch's clip_grad_norm_ does.
void clip_gradients(const methods::PromptedModel& model, const at::Tensor& squares,
                    double max_norm) {
  if (max_norm <= 0) return;
  constexpr double kTorchEpsilon = 1e-6;
  const at::Tensor factor =
      at::full_like(squares, max_norm).div_(squares.sqrt() + kTorchEpsilon).clamp_max_(1.0);
  for (std::size_t i = 0; i < model.prompt_count(); ++i) {
    for (const methods::Parameter& parameter : model.prompt(i).parameters()) {
      at::Tensor gradient = parameter.grad;
      gradient.mul_(factor);
    }
  }
}

// Completes the numbers with the sum of the gradients' squares and whether it or the loss of any
// rank is not finite. Collective over the mesh.
void add_squares(const at::Tensor& numbers, const at::Tensor& squares, const comm::Mesh& mesh) {
  numbers.select(0, kGradSquares).copy_(squares);
  const at::Tensor loss = numbers.select(0, kLoss) / numbers.select(0, kCount);
  const at::Tensor finite = at::isfinite(loss).bitwise_and_(at::isfinite(squares));
  const at::Tensor not_finite = finite.bitwise_not().to(at::kDouble);
  nn::sum_over(mesh.world(), not_finite, "finite numbers");
  numbers.select(0, kNotFinite).copy_(not_finite);
}

// Returns whether each of the prompts is updated: [prompts] bool.
at::Tensor learns(const at::Tensor& numbers, std::int64_t prompts) {
  const at::Tensor finite = numbers.select(0, kNotFinite) == 0;
  if (prompts == 1 || numbers.size(0) == kFirstTask) return finite.expand({prompts});
  INCIPIT_CHECK(numbers.size(0) == kFirstTask + 2 * prompts);
  const at::Tensor counts = numbers.narrow(0, kFirstTask, 2 * prompts).view({prompts, 2});
  return (counts.select(1, 1) > 0).bitwise_and_(finite);
}

}  // namespace

StepNumbers::StepNumbers(const at::Tensor& host) {
  const double* const numbers = host.const_data_ptr<double>();
  loss = numbers[kLoss] / numbers[kCount];
  grad_norm = std::sqrt(numbers[kGradSquares]);  // the host rounds a root exactly
  tokens = std::llround(numbers[kTokens]);
  examples = std::llround(numbers[kExamples]);
  finite = numbers[kNotFinite] == 0;
  for (std::int64_t i = kFirstTask; i < host.numel(); i += 2) {
    tasks.push_back({numbers[i], numbers[i + 1]});
  }
}

at::Tensor run_step(methods::PromptedModel& model, Optimizer& optimizer, const comm::Mesh& mesh,
                    const StepBatch& batch, const StepSettings& settings) {
  at::Tensor numbers;
  Phase phase("forward and backward");
  {
    const comm::Activity::Scope scope(*mesh.world().context().activity, "forward and backward");
    model.start_gradients();
    numbers = contribution(
        forward_backward(model, batch.forest, *batch.objective, settings.micro_batches), batch,
        model.backbone());
  }
  model.collect_gradients();
  phase.next("sum gradients");
  model.sum_gradients(mesh);
  nn::sum_over(mesh.along(comm::kBatch | comm::kPipeline), numbers, "batch totals");
  model.finish_gradients(numbers.select(0, kCount));
  phase.next("optimizer");
  const at::Tensor squares = gradient_squares(model, mesh);
  add_squares(numbers, squares, mesh);
  clip_gradients(model, squares, settings.max_grad_norm);
  optimizer.step(settings.learning_rate,
                 learns(numbers, static_cast<std::int64_t>(model.prompt_count())));
  return numbers;
}

}  // namespace incipit::trainer
