#include "trainer/train_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>

#include <cmath>

#include "core/check.h"
#include "core/phase.h"
#include "nn/collectives.h"
#include "nn/host_copy.h"
#include "nn/ops.h"
#include "nn/step_totals.h"
#include "nn/updates.h"

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

// Returns the sum of the squares of each prompt's gradients, [prompts] float64. Collective over the
// mesh.
at::Tensor gradient_squares(const methods::PromptedModel& model, const comm::Mesh& mesh) {
  const at::Tensor squares =
      at::empty({static_cast<std::int64_t>(model.prompt_count())},
                at::TensorOptions(model.backbone().device()).dtype(at::kDouble));
  for (std::size_t i = 0; i < model.prompt_count(); ++i) {
    squares.select(0, static_cast<std::int64_t>(i))
        .copy_(model.prompt(i).squared_gradient_norm(mesh));
  }
  return squares;
}

// Scales gradients so that their norm is at most `max_norm`, as torch's clip_grad_norm_ does: each
// prompt's, or if `squares` has one number, all together.
void clip_gradients(const methods::PromptedModel& model, const at::Tensor& squares,
                    double max_norm) {
  if (max_norm <= 0) return;
  constexpr double kTorchEpsilon = 1e-6;
  const auto prompts = static_cast<std::int64_t>(model.prompt_count());
  at::Tensor factors;  // without kernels of a GPU
  for (std::int64_t i = 0; i < prompts; ++i) {
    for (const methods::Parameter& parameter : model.prompt(i).parameters()) {
      at::Tensor gradient = parameter.grad;
      if (nn::clip_by_norm(gradient, squares.expand({prompts}).select(0, i), max_norm)) continue;
      if (!factors.defined()) {
        factors =
            at::full_like(squares, max_norm).div_(squares.sqrt() + kTorchEpsilon).clamp_max_(1.0);
      }
      gradient.mul_(factors.expand({prompts}).select(0, i));
    }
  }
}

// The sums of the tasks' losses and their counts, which alternate: [tasks, 2].
at::Tensor of_tasks(const at::Tensor& numbers) {
  return numbers.narrow(0, kFirstTask, numbers.size(0) - kFirstTask).view({-1, 2});
}

// Completes the numbers and clips the gradients. Returns whether each of the prompts is updated:
// [prompts] bool. Collective over the mesh.
at::Tensor finish(const methods::PromptedModel& model, const at::Tensor& numbers,
                  const StepSettings& settings, const comm::Mesh& mesh) {
  const at::Tensor each = gradient_squares(model, mesh);
  const std::int64_t prompts = each.size(0);
  const bool has_tasks = numbers.size(0) > kFirstTask;
  INCIPIT_CHECK(prompts == 1 || !has_tasks || numbers.size(0) == kFirstTask + 2 * prompts);
  const at::Tensor of_step = numbers.narrow(0, kLoss, 2);
  const at::Tensor totals = settings.separate ? of_tasks(numbers) : of_step.unsqueeze(0);
  const std::int64_t together = settings.separate ? 1 : prompts;  // prompts of a group
  const nn::GroupNumbers groups = nn::check_finite(totals, each.view({totals.size(0), together}));
  nn::sum_over(mesh.world(), groups.not_finite, "finite numbers");
  clip_gradients(model, groups.squares, settings.max_grad_norm);
  return nn::decide_updates(
      groups, totals, prompts > 1 && has_tasks ? of_tasks(numbers) : at::Tensor(), together,
      {of_step, numbers.select(0, kGradSquares), numbers.select(0, kNotFinite)});
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
    numbers = contribution(forward_backward(model, batch.forest, *batch.objective,
                                            settings.micro_batches, batch.teacher),
                           batch, model.backbone());
  }
  model.collect_gradients();
  phase.next("sum gradients");
  model.sum_gradients(mesh);
  nn::sum_over(mesh.along(comm::kBatch | comm::kPipeline), numbers, "batch totals");
  INCIPIT_CHECK(!settings.separate || batch.tasks.size() == model.prompt_count(),
                "separate prompts need a task each");
  model.finish_gradients(settings.separate ? of_tasks(numbers).select(1, 1)
                                           : numbers.select(0, kCount));
  phase.next("optimizer");
  optimizer.step(settings.learning_rate, finish(model, numbers, settings, mesh));
  return numbers;
}

}  // namespace incipit::trainer
