// The encoder of P-tuning, PEFT's PromptEncoder without dropout: computes the rows of a prompt from
// learned vectors.
//
//   MLP:   vectors -> Linear, ReLU, Linear, ReLU, Linear
//   LSTM:  vectors -> bidirectional LSTM of several layers -> Linear, ReLU, Linear
//
// Its parameters have the names, shapes and order of PEFT's state dict: embedding.weight (the
// vectors), lstm_head.*, mlp_head.*.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "methods/method_options.h"

namespace incipit::p_tuning {

using methods::EncoderKind;

struct EncoderShape {
  EncoderKind kind = EncoderKind::kMlp;
  std::int64_t tokens = 0;  // virtual tokens
  std::int64_t width = 0;   // of the vectors and of the rows
  std::int64_t hidden = 0;
  std::int64_t lstm_layers = 0;  // not used by an MLP
};

// A parameter, and how torch draws its initial values.
struct EncoderParameter {
  std::string name;
  std::vector<std::int64_t> shape;
  double bound = 0;  // uniform in [-bound, bound); 0: N(0, 1)
};
[[nodiscard]] std::vector<EncoderParameter> encoder_parameters(const EncoderShape& shape);

// Returns the rows [tokens, width]. `parameters` are in the order of encoder_parameters().
[[nodiscard]] at::Tensor encode(const EncoderShape& shape, std::span<const at::Tensor> parameters);

// Sets `grads`, the gradients of the parameters, from that of the rows.
void encode_backward(const EncoderShape& shape, std::span<const at::Tensor> parameters,
                     const at::Tensor& grad_rows, std::span<const at::Tensor> grads);

}  // namespace incipit::p_tuning
