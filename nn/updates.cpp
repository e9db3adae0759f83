#include "nn/updates.h"

#include <ATen/ops/empty.h>

#include "nn/device_path.h"

namespace incipit::nn {

namespace {

bool fits(const at::Tensor& x) { return x.scalar_type() == at::kFloat && x.is_contiguous(); }

float* numbers_of(const at::Tensor& x) {
  return x.defined() ? x.mutable_data_ptr<float>() : nullptr;
}

}  // namespace

StepCounts count_steps(const at::Tensor& learns, at::Tensor steps) {
  const DevicePath* const path = device_path(steps.device());
  if (path == nullptr || !learns.is_contiguous()) {
    steps.add_(learns);
    return {learns.bitwise_not(), steps.clamp_min(1).to(at::kDouble)};
  }
  const auto make = [&](at::ScalarType type) {
    return at::empty({steps.numel()}, steps.options().dtype(type));
  };
  const StepCounts counts{make(at::kBool), make(at::kDouble)};
  launch(*path, steps.device(), path->kernels->count_steps,
         kernels::cuda::CountSteps{.groups = steps.numel(),
                                   .learns = learns.const_data_ptr<bool>(),
                                   .steps = steps.mutable_data_ptr<std::int64_t>(),
                                   .rests = counts.rests.mutable_data_ptr<bool>(),
                                   .counts = counts.count.mutable_data_ptr<double>()});
  return counts;
}

bool update_adamw(const AdamWUpdate& u) {
  const DevicePath* const path = device_path(u.value);
  if (path == nullptr || !fits(u.value) || !fits(u.grad)) return false;
  launch(*path, u.value, path->kernels->adamw,
         kernels::cuda::AdamW{.count = u.value.numel(),
                              .value = numbers_of(u.value),
                              .grad = numbers_of(u.grad),
                              .mean = numbers_of(u.mean),
                              .square = numbers_of(u.square),
                              .rests = u.rests.const_data_ptr<bool>(),
                              .step = u.step.const_data_ptr<double>(),
                              .learning_rate = u.learning_rate,
                              .beta1 = u.beta1,
                              .beta2 = u.beta2,
                              .eps = u.eps,
                              .weight_decay = u.weight_decay});
  return true;
}

bool update_sgd(const SgdUpdate& u) {
  const DevicePath* const path = device_path(u.value);
  if (path == nullptr || !fits(u.value) || !fits(u.grad)) return false;
  launch(*path, u.value, path->kernels->sgd,
         kernels::cuda::Sgd{.count = u.value.numel(),
                            .value = numbers_of(u.value),
                            .grad = numbers_of(u.grad),
                            .velocity = numbers_of(u.velocity),
                            .rests = u.rests.const_data_ptr<bool>(),
                            .learning_rate = u.learning_rate,
                            .momentum = u.momentum,
                            .weight_decay = u.weight_decay,
                            .nesterov = u.nesterov});
  return true;
}

bool add_squares(const at::Tensor& x, const at::Tensor& sum) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr || !fits(x)) return false;
  const at::Tensor scratch = at::empty({kernels::cuda::kSquareBlocks}, sum.options());
  launch(*path, x, path->kernels->sum_of_squares,
         kernels::cuda::SumOfSquares{.count = x.numel(),
                                     .values = x.const_data_ptr<float>(),
                                     .scratch = scratch.mutable_data_ptr<double>(),
                                     .sum = sum.mutable_data_ptr<double>()});
  return true;
}

bool clip_by_norm(const at::Tensor& x, const at::Tensor& squares, double max_norm) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr || !fits(x)) return false;
  launch(*path, x, path->kernels->clip_by_norm,
         kernels::cuda::ClipByNorm{.count = x.numel(),
                                   .values = numbers_of(x),
                                   .squares = squares.const_data_ptr<double>(),
                                   .max_norm = max_norm});
  return true;
}

bool update_adafactor(const AdafactorUpdate& u) {
  const DevicePath* const path = device_path(u.value);
  if (path == nullptr || !fits(u.value) || !fits(u.grad)) return false;
  const bool is_matrix = u.value.dim() == 2;
  const at::Tensor scratch = at::empty({kernels::cuda::kAdafactorScratch}, u.value.options());
  launch(*path, u.value, path->kernels->adafactor,
         kernels::cuda::Adafactor{.rows = is_matrix ? u.value.size(0) : 1,
                                  .columns = is_matrix ? u.value.size(1) : u.value.numel(),
                                  .value = numbers_of(u.value),
                                  .grad = numbers_of(u.grad),
                                  .row = numbers_of(u.row),
                                  .column = numbers_of(u.column),
                                  .full = numbers_of(u.full),
                                  .scratch = scratch.mutable_data_ptr<float>(),
                                  .rests = u.rests.const_data_ptr<bool>(),
                                  .step = u.step.const_data_ptr<double>(),
                                  .learning_rate = u.learning_rate,
                                  .decay_rate = u.decay_rate,
                                  .eps = u.eps,
                                  .weight_decay = u.weight_decay,
                                  .clipping_threshold = u.clipping_threshold,
                                  .least_scale = u.least_scale,
                                  .scaled_by_value = u.scaled_by_value});
  return true;
}

}  // namespace incipit::nn
