// Updates of parameters, and clipping of their gradients, by kernels of a GPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

// Which groups of parameters a step leaves as they are.
struct StepCounts {
  at::Tensor rests;  // [groups] bool
  at::Tensor count;  // [groups] float64: steps of each group; at least 1
};

// Counts a step of each group that learns ([groups] bool) in `steps` ([groups] int64).
[[nodiscard]] StepCounts count_steps(const at::Tensor& learns, at::Tensor steps);

// All tensors are float32 and contiguous, on one device.
struct AdamWUpdate {
  at::Tensor value, grad, mean, square;
  at::Tensor rests;  // [] bool: nothing changes but the gradient, which is set to 0
  at::Tensor step;   // [] float64: number of this step, from 1
  double learning_rate = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
};

// Updates value, mean and square as torch.optim.AdamW does. Returns false, and does nothing, where
// the device has no such kernel.
[[nodiscard]] bool update_adamw(const AdamWUpdate& update);

// As AdamWUpdate. The second moments are `full`, or for a matrix `row` [rows] and `column`
// [columns], their means over columns and over rows.
struct AdafactorUpdate {
  at::Tensor value, grad, row, column, full;
  at::Tensor rests;
  at::Tensor step;
  double learning_rate = 0, decay_rate = 0, eps = 0, weight_decay = 0;
  double clipping_threshold = 0;  // 0: none
  double least_scale = 0;         // of values, with scaled_by_value
  bool scaled_by_value = false;
};

// Updates value and moments as T5X's Adafactor does. Returns as update_adamw().
[[nodiscard]] bool update_adafactor(const AdafactorUpdate& update);

// As AdamWUpdate. `velocity` is undefined without momentum.
struct SgdUpdate {
  at::Tensor value, grad, velocity;
  at::Tensor rests;
  double learning_rate = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

// Updates value and velocity as torch.optim.SGD does. Returns as update_adamw().
[[nodiscard]] bool update_sgd(const SgdUpdate& update);

// Adds the sum of the squares of x to `sum`, [] float64. Returns as update_adamw().
[[nodiscard]] bool add_squares(const at::Tensor& x, const at::Tensor& sum);

// Scales x so that a gradient of which it is a part, with sum of squares `squares` ([] float64),
// has a norm of at most `max_norm`, as torch's clip_grad_norm_ does. Returns as update_adamw().
[[nodiscard]] bool clip_by_norm(const at::Tensor& x, const at::Tensor& squares, double max_norm);

}  // namespace incipit::nn
