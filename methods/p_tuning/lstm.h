// One direction of one layer of an LSTM, with the weights and the order of gates of torch.nn.LSTM.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::p_tuning {

// Weights, or their gradients. Four gates of `hidden` rows each: input, forget, cell, output.
struct LstmWeights {
  at::Tensor of_input, of_state;      // [4 hidden, inputs], [4 hidden, hidden]
  at::Tensor input_bias, state_bias;  // [4 hidden]
};

// What the forward pass computes, by row of the input.
struct LstmRows {
  at::Tensor gates;   // [rows, 4 hidden], after their activations
  at::Tensor cells;   // [rows, hidden]
  at::Tensor output;  // [rows, hidden]
};

// Reads the rows of `input` [rows, inputs] from the first to the last, or from the last to the
// first if `reverse`. The state before them is zero.
[[nodiscard]] LstmRows lstm_forward(const at::Tensor& input, const LstmWeights& weights,
                                    bool reverse);

// Sets `grads` and returns the gradient of the input. `rows` are lstm_forward()'s, and
// `grad_output` is the gradient of their output.
at::Tensor lstm_backward(const at::Tensor& input, const LstmWeights& weights, bool reverse,
                         const LstmRows& rows, const at::Tensor& grad_output,
                         const LstmWeights& grads);

}  // namespace incipit::p_tuning
