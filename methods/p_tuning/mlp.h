// A multilayer perceptron: torch.nn.Sequential of Linear, ReLU, Linear, ..., Linear.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace incipit::p_tuning {

// A weight [outputs, inputs] and a bias [outputs], or their gradients.
struct LinearWeights {
  at::Tensor weight;
  at::Tensor bias;
};

// Returns what each layer returns, after its ReLU, for `input` [rows, inputs].
[[nodiscard]] std::vector<at::Tensor> mlp_forward(const at::Tensor& input,
                                                  std::span<const LinearWeights> layers);

// Sets `grads` and returns the gradient of the input. `outputs` are mlp_forward()'s, and
// `grad_output` is the gradient of the last of them.
at::Tensor mlp_backward(const at::Tensor& input, std::span<const LinearWeights> layers,
                        std::span<const at::Tensor> outputs, const at::Tensor& grad_output,
                        std::span<const LinearWeights> grads);

}  // namespace incipit::p_tuning
