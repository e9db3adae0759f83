#include "methods/p_tuning/lstm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace incipit::p_tuning {
namespace {

// Views of the gates of some rows, each [rows, hidden].
struct Gates {
  explicit Gates(const at::Tensor& rows)
      : input(gate(rows, 0)), forget(gate(rows, 1)), cell(gate(rows, 2)), output(gate(rows, 3)) {}
  at::Tensor input, forget, cell, output;

 private:
  static at::Tensor gate(const at::Tensor& rows, std::int64_t number) {
    const std::int64_t hidden = rows.size(1) / 4;
    return rows.narrow(1, number * hidden, hidden);
  }
};

at::Tensor row(const at::Tensor& rows, std::int64_t index) { return rows.narrow(0, index, 1); }

// Returns the indices of rows in the order in which they are read.
std::vector<std::int64_t> reading_order(std::int64_t rows, bool reverse) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  if (reverse) std::reverse(order.begin(), order.end());
  return order;
}

// The derivatives of both activations, given what they returned.
at::Tensor sigmoid_slope(const at::Tensor& sigmoid) { return sigmoid * (1 - sigmoid); }
at::Tensor tanh_slope(const at::Tensor& tanh) { return 1 - tanh * tanh; }

}  // namespace

LstmRows lstm_forward(const at::Tensor& input, const LstmWeights& weights, bool reverse) {
  const std::int64_t hidden = weights.of_state.size(1);
  LstmRows rows;
  rows.gates = at::addmm(weights.input_bias + weights.state_bias, input, weights.of_input.t());
  rows.cells = at::empty({input.size(0), hidden}, input.options());
  rows.output = at::empty_like(rows.cells);
  std::int64_t previous = -1;
  for (const std::int64_t now : reading_order(input.size(0), reverse)) {
    at::Tensor sums = row(rows.gates, now);
    if (previous >= 0) sums.addmm_(row(rows.output, previous), weights.of_state.t());
    Gates gates(sums);
    gates.input.sigmoid_();
    gates.forget.sigmoid_();
    gates.cell.tanh_();
    gates.output.sigmoid_();
    at::Tensor cell = gates.input * gates.cell;
    if (previous >= 0) cell.addcmul_(gates.forget, row(rows.cells, previous));
    row(rows.cells, now).copy_(cell);
    row(rows.output, now).copy_(gates.output * cell.tanh());
    previous = now;
  }
  return rows;
}

at::Tensor lstm_backward(const at::Tensor& input, const LstmWeights& weights, bool reverse,
                         const LstmRows& rows, const at::Tensor& grad_output,
                         const LstmWeights& grads) {
  const std::int64_t count = input.size(0);
  const at::Tensor grad_sums = at::empty_like(rows.gates);  // of the gates before activations
  const std::vector<std::int64_t> order = reading_order(count, reverse);
  at::Tensor from_next_output;  // gradients that the row read after this one passes on
  at::Tensor from_next_cell;
  for (std::int64_t i = count - 1; i >= 0; --i) {
    const std::int64_t now = order[i];
    const Gates gates(row(rows.gates, now));
    const Gates grad(row(grad_sums, now));
    const at::Tensor tanh_cell = row(rows.cells, now).tanh();
    at::Tensor grad_row = row(grad_output, now);
    if (from_next_output.defined()) grad_row = grad_row + from_next_output;
    at::Tensor grad_cell = grad_row * gates.output * tanh_slope(tanh_cell);
    if (from_next_cell.defined()) grad_cell += from_next_cell;

    grad.input.copy_(grad_cell * gates.cell * sigmoid_slope(gates.input));
    grad.cell.copy_(grad_cell * gates.input * tanh_slope(gates.cell));
    grad.output.copy_(grad_row * tanh_cell * sigmoid_slope(gates.output));
    if (i > 0) {
      const at::Tensor cell_before = row(rows.cells, order[i - 1]);
      grad.forget.copy_(grad_cell * cell_before * sigmoid_slope(gates.forget));
      from_next_cell = grad_cell * gates.forget;
      from_next_output = at::mm(row(grad_sums, now), weights.of_state);
    } else {
      grad.forget.zero_();  // the state before the first row is zero
    }
  }
  grads.of_input.copy_(at::mm(grad_sums.t(), input));
  // Each row but the first that is read has the output of the one before it as state.
  const at::Tensor with_state = grad_sums.narrow(0, reverse ? 0 : 1, count - 1);
  const at::Tensor states = rows.output.narrow(0, reverse ? 1 : 0, count - 1);
  grads.of_state.copy_(at::mm(with_state.t(), states));
  grads.input_bias.copy_(grad_sums.sum(0));
  grads.state_bias.copy_(grads.input_bias);
  return at::mm(grad_sums, weights.of_input);
}

}  // namespace incipit::p_tuning
