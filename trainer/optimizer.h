// Optimizers. A rank updates its parameters, or its parts of them, from the reduced gradient. State
// is float32, on the device of the parameters.
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

  // Updates every parameter with its `grad`. The learning rate of a group is `learning_rate` times
  // its factor (make_optimizer). `learns`, if given, has one bool per group, [groups]
  // on the device of the parameters. Of a group with false nothing changes, neither values nor
  // state nor the number of its steps, as torch.optim skips a parameter whose grad is None; its
  // gradients, which may not be finite, are set to zero. Reads nothing from the device.
  virtual void step(double learning_rate, const at::Tensor& learns = {}) = 0;

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
//
// `factors`: of the learning rate, one per group; empty: 1.
[[nodiscard]] std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                                        const std::vector<ParameterGroup>& groups,
                                                        std::vector<double> factors = {});

}  // namespace incipit::trainer
