// The encoder of P-tuning, compared with libtorch's LSTM, linear layers and autograd, from which
// the expected numbers come.
#include "methods/p_tuning/encoder.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <tuple>

#include "methods/draws.h"

namespace incipit::p_tuning {
namespace {

std::vector<at::Tensor> draw_parameters(const EncoderShape& shape) {
  methods::Draws draws(7, 0, at::kCPU);
  std::vector<at::Tensor> parameters;
  for (const EncoderParameter& parameter : encoder_parameters(shape)) {
    parameters.push_back(draws.normal(parameter.shape, 0.5).to(at::kDouble));
  }
  return parameters;
}

// What libtorch computes.
at::Tensor reference(const EncoderShape& shape, const std::vector<at::Tensor>& parameters) {
  at::Tensor rows = parameters[0];
  std::size_t used = 1;
  if (shape.kind == EncoderKind::kLstm) {
    const std::size_t count = 8 * static_cast<std::size_t>(shape.lstm_layers);
    const at::TensorList weights(&parameters[used], count);
    const at::Tensor zero = at::zeros({2 * shape.lstm_layers, 1, shape.hidden}, rows.options());
    const auto read = at::lstm(rows.unsqueeze(0), {zero, zero}, weights, /*has_biases=*/true,
                               shape.lstm_layers, /*dropout=*/0, /*train=*/true,
                               /*bidirectional=*/true, /*batch_first=*/true);
    rows = std::get<0>(read).squeeze(0);
    used += count;
  }
  for (bool first = true; used < parameters.size(); used += 2, first = false) {
    rows = at::linear(first ? rows : at::relu(rows), parameters[used], parameters[used + 1]);
  }
  return rows;
}

class Encoder : public ::testing::TestWithParam<EncoderShape> {};

TEST_P(Encoder, RowsAndGradientsAreLibtorchs) {
  const EncoderShape& shape = GetParam();
  std::vector<at::Tensor> parameters = draw_parameters(shape);
  const at::Tensor rows = encode(shape, parameters);
  const at::Tensor grad_rows = methods::Draws(8, 0, at::kCPU).normal(rows.sizes(), 1);
  std::vector<at::Tensor> grads;
  for (const at::Tensor& parameter : parameters) grads.push_back(at::empty_like(parameter));
  encode_backward(shape, parameters, grad_rows.to(at::kDouble), grads);

  for (const at::Tensor& parameter : parameters) parameter.requires_grad_();
  const at::Tensor expected = reference(shape, parameters);
  EXPECT_EQ(rows.sizes(), at::IntArrayRef({shape.tokens, shape.width}));
  EXPECT_TRUE(at::allclose(rows, expected.detach(), 1e-9, 1e-12));
  expected.backward(grad_rows.to(at::kDouble));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_TRUE(at::allclose(grads[i], parameters[i].grad(), 1e-9, 1e-12))
        << encoder_parameters(shape)[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Encoder,
                         ::testing::Values(EncoderShape{EncoderKind::kMlp, 5, 6, 7, 2},
                                           EncoderShape{EncoderKind::kLstm, 5, 6, 7, 2},
                                           EncoderShape{EncoderKind::kLstm, 6, 4, 3, 1},
                                           EncoderShape{EncoderKind::kLstm, 1, 4, 3, 3}),
                         [](const auto& info) {
                           return std::string(info.param.kind == EncoderKind::kMlp ? "mlp"
                                                                                   : "lstm") +
                                  std::to_string(info.param.lstm_layers) + "_of_" +
                                  std::to_string(info.param.tokens);
                         });

}  // namespace
}  // namespace incipit::p_tuning
