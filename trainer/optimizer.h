// Optimizers. Parameters and state are float32 and replicated: every rank makes the same update
// from the same reduced gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "methods/prompt.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Updates every parameter with its `grad`, which it leaves unchanged. `learns`, if given, has one
  // bool per parameter: only those with true are updated. The others keep their value and state, as
  // torch.optim skips a parameter whose grad is None, so each parameter counts its own steps.
  virtual void step(double learning_rate, const std::vector<bool>& learns = {}) = 0;

  // Returns all that the next step depends on besides parameters and gradients, under stable names.
  // The tensors share memory with the optimizer: save them to checkpoint, copy into them to resume.
  // "step" is [parameters] int64: the number of steps of each parameter.
  [[nodiscard]] virtual std::vector<NamedTensor> state() const = 0;
};

// Makes an optimizer. `parameters` share memory with the caller's, who fills the gradients.
//
// adamw: Loshchilov & Hutter 2019, as in torch.optim.AdamW.
// adafactor: Shazeer & Stern 2018, as in T5X, where weight decay applies per step and is not
//   multiplied by the learning rate.
// sgd: as in torch.optim.SGD, with momentum and Nesterov momentum.
[[nodiscard]] std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                                        std::vector<methods::Parameter> parameters);

}  // namespace incipit::trainer
