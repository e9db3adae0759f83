#include "methods/p_tuning/mlp.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include <cstddef>

namespace incipit::p_tuning {

std::vector<at::Tensor> mlp_forward(const at::Tensor& input,
                                    std::span<const LinearWeights> layers) {
  std::vector<at::Tensor> outputs;
  for (const LinearWeights& layer : layers) {
    if (!outputs.empty()) outputs.back().relu_();
    const at::Tensor& in = outputs.empty() ? input : outputs.back();
    outputs.push_back(at::addmm(layer.bias, in, layer.weight.t()));
  }
  return outputs;
}

at::Tensor mlp_backward(const at::Tensor& input, std::span<const LinearWeights> layers,
                        std::span<const at::Tensor> outputs, const at::Tensor& grad_output,
                        std::span<const LinearWeights> grads) {
  at::Tensor grad = grad_output;
  for (std::size_t i = layers.size(); i-- > 0;) {
    const at::Tensor& in = i == 0 ? input : outputs[i - 1];
    grads[i].bias.copy_(grad.sum(0));
    grads[i].weight.copy_(at::mm(grad.t(), in));
    grad = at::mm(grad, layers[i].weight);
    if (i > 0) grad *= in > 0;  // ReLU
  }
  return grad;
}

}  // namespace incipit::p_tuning
