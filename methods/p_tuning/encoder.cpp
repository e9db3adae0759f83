#include "methods/p_tuning/encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <array>
#include <cmath>
#include <cstddef>

#include "core/check.h"
#include "methods/p_tuning/lstm.h"
#include "methods/p_tuning/mlp.h"

namespace incipit::p_tuning {
namespace {

constexpr std::array kDirections{"", "_reverse"};  // suffixes of names, forward first

// The parameters or their gradients, by their place in the encoder.
struct Weights {
  at::Tensor vectors;
  std::vector<std::array<LstmWeights, 2>> lstm;  // by layer and direction
  std::vector<LinearWeights> mlp;
};

Weights by_place(const EncoderShape& shape, std::span<const at::Tensor> all) {
  INCIPIT_CHECK(all.size() == encoder_parameters(shape).size());
  std::size_t used = 0;
  const auto next = [&]() -> const at::Tensor& { return all[used++]; };
  Weights weights;
  weights.vectors = next();
  if (shape.kind == EncoderKind::kLstm) {
    weights.lstm.resize(static_cast<std::size_t>(shape.lstm_layers));
  }
  for (auto& layer : weights.lstm) {
    for (LstmWeights& direction : layer) {
      direction.of_input = next();
      direction.of_state = next();
      direction.input_bias = next();
      direction.state_bias = next();
    }
  }
  while (used < all.size()) {
    LinearWeights& layer = weights.mlp.emplace_back();
    layer.weight = next();
    layer.bias = next();
  }
  return weights;
}

// What the forward pass computes.
struct Pass {
  std::vector<std::array<LstmRows, 2>> lstm;
  std::vector<at::Tensor> lstm_outputs;  // by layer, both directions beside each other
  std::vector<at::Tensor> mlp_outputs;   // by layer
};

Pass forward(const Weights& weights) {
  Pass pass;
  at::Tensor rows = weights.vectors;
  for (const auto& [onward, reverse] : weights.lstm) {
    pass.lstm.push_back({lstm_forward(rows, onward, false), lstm_forward(rows, reverse, true)});
    rows = at::cat({pass.lstm.back()[0].output, pass.lstm.back()[1].output}, 1);
    pass.lstm_outputs.push_back(rows);
  }
  pass.mlp_outputs = mlp_forward(rows, weights.mlp);
  return pass;
}

double linear_bound(std::int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); }

void add_lstm(const EncoderShape& shape, std::vector<EncoderParameter>& parameters) {
  const double bound = linear_bound(shape.hidden);
  const std::int64_t gates = 4 * shape.hidden;
  for (std::int64_t layer = 0; layer < shape.lstm_layers; ++layer) {
    const std::int64_t inputs = layer == 0 ? shape.width : 2 * shape.hidden;
    for (const char* direction : kDirections) {
      const auto add = [&](const std::string& what, std::vector<std::int64_t> sizes) {
        parameters.push_back(
            {"lstm_head." + what + "_l" + std::to_string(layer) + direction, sizes, bound});
      };
      add("weight_ih", {gates, inputs});
      add("weight_hh", {gates, shape.hidden});
      add("bias_ih", {gates});
      add("bias_hh", {gates});
    }
  }
}

}  // namespace

std::vector<EncoderParameter> encoder_parameters(const EncoderShape& shape) {
  std::vector<EncoderParameter> parameters{{"embedding.weight", {shape.tokens, shape.width}}};
  std::vector<std::int64_t> widths{shape.width, shape.hidden, shape.hidden, shape.width};
  if (shape.kind == EncoderKind::kLstm) {
    add_lstm(shape, parameters);
    widths = {2 * shape.hidden, 2 * shape.hidden, shape.width};
  }
  for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer) {
    const std::string name = "mlp_head." + std::to_string(2 * layer);  // a ReLU after each
    const double bound = linear_bound(widths[layer]);
    parameters.push_back({name + ".weight", {widths[layer + 1], widths[layer]}, bound});
    parameters.push_back({name + ".bias", {widths[layer + 1]}, bound});
  }
  return parameters;
}

at::Tensor encode(const EncoderShape& shape, std::span<const at::Tensor> parameters) {
  return forward(by_place(shape, parameters)).mlp_outputs.back();
}

void encode_backward(const EncoderShape& shape, std::span<const at::Tensor> parameters,
                     const at::Tensor& grad_rows, std::span<const at::Tensor> grads) {
  const Weights weights = by_place(shape, parameters);
  const Weights grad_weights = by_place(shape, grads);
  const Pass pass = forward(weights);
  const auto input_after = [&](std::size_t layers) {
    return layers == 0 ? weights.vectors : pass.lstm_outputs[layers - 1];
  };
  at::Tensor grad = mlp_backward(input_after(weights.lstm.size()), weights.mlp, pass.mlp_outputs,
                                 grad_rows, grad_weights.mlp);
  for (std::size_t layer = weights.lstm.size(); layer-- > 0;) {
    const auto back = [&](std::size_t direction) {
      const std::int64_t first = static_cast<std::int64_t>(direction) * shape.hidden;
      return lstm_backward(input_after(layer), weights.lstm[layer][direction],
                           /*reverse=*/direction == 1, pass.lstm[layer][direction],
                           grad.narrow(1, first, shape.hidden),
                           grad_weights.lstm[layer][direction]);
    };
    grad = back(0) + back(1);
  }
  grad_weights.vectors.copy_(grad);
}

}  // namespace incipit::p_tuning
