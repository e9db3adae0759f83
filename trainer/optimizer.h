// The update rules. Each holds its parameters and its state, all float32, all replicated:
// every rank makes the same update from the same reduced gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "trainer/parameter.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One update of every parameter with its `grad`, which is left as it is; where `learns` is given,
  // a bool by parameter, of those alone whose bool is true. The others keep value and state, as
  // torch.optim leaves a parameter whose grad is None: each then goes the way of its own steps.
  virtual void step(double learning_rate, const std::vector<bool>& learns = {}) = 0;

  // All that the next step depends on besides parameters and gradients, under stable
  // names, sharing memory with the optimizer: save it to checkpoint, copy into it to
  // resume. "step" [parameters] int64: the steps that each has done.
  [[nodiscard]] virtual std::vector<NamedTensor> state() const = 0;
};

// `parameters` share memory with the caller's, who fills their gradients.
//
// adamw: Loshchilov & Hutter 2019 as torch.optim.AdamW computes it.
// adafactor: Shazeer & Stern 2018 as T5X computes it; note that there the weight decay is
//   per step and not multiplied by the learning rate.
// sgd: as torch.optim.SGD, with momentum and Nesterov momentum.
[[nodiscard]] std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                                        std::vector<Parameter> parameters);

}  // namespace incipit::trainer
