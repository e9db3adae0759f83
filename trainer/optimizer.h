// Optimizers. A rank updates its parameters, or its parts of them, from the reduced gradient. State
// is float32.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "methods/trainable.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

// Parameters that are updated in the same steps: those of one prompt, or of the model.
using ParameterGroup = std::vector<methods::Parameter>;

// A tensor of state for each parameter of a group. Undefined where a parameter needs none.
struct OptimizerState {
  std::string name;
  std::size_t group = 0;
  std::vector<at::Tensor> tensors;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Updates every parameter with its `grad`, which it leaves unchanged. `learns`, if given, has one
  // bool per group: only those with true are updated. The others keep their values and state, as
  // torch.optim skips a parameter whose grad is None, so each group counts its own steps.
  virtual void step(double learning_rate, const std::vector<bool>& learns = {}) = 0;

  // Return all that the next step depends on besides parameters and gradients. The tensors share
  // memory with the optimizer: save them to checkpoint, copy into them to resume. steps() has the
  // number of steps of each group: [groups] int64.
  [[nodiscard]] virtual std::vector<OptimizerState> state() const = 0;
  [[nodiscard]] virtual at::Tensor steps() const = 0;
};

// Makes an optimizer. The parameters share memory with the caller's, who fills the gradients.
//
// adamw: Loshchilov & Hutter 2019, as in torch.optim.AdamW.
// adafactor: Shazeer & Stern 2018, as in T5X, where weight decay applies per step and is not
//   multiplied by the learning rate.
// sgd: as in torch.optim.SGD, with momentum and Nesterov momentum.
[[nodiscard]] std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                                        const std::vector<ParameterGroup>& groups);

}  // namespace incipit::trainer
