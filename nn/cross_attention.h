// Attention of a decoder's rows to an encoder's output, the memory (Vaswani et al. 2017):
//
//   x += attention(norm(x), memory)
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/low_rank.h"
#include "nn/norm.h"

namespace incipit::nn {

// The activations that backward needs from forward.
struct CrossRecord {
  NormRecord input;
  at::Tensor memory;       // [memory rows, hidden]
  at::Tensor queries;      // [queries, q_width]
  at::Tensor keys_values;  // [memory rows, 2 kv_width]
  AttentionResult attention;
};

// The rows that ask, and the memory's.
struct CrossRows {
  const AttentionPlan* plan = nullptr;  // the queries are rows of x, the keys those of the memory
  Additions queries;                    // at the rows of x
  Additions memory;                     // at the rows of the memory
};

struct CrossAttention {
  Norm norm;
  AttentionShape shape;  // of this rank's heads
  AttentionRule rule;    // full
  Linear query;          // hidden -> q_width
  Linear keys_values;    // hidden -> 2 kv_width
  Linear output;         // q_width -> hidden

  // Returns views of keys and values in `both`.
  [[nodiscard]] static KeysValues split(const at::Tensor& both);

  // Returns x plus the attention of x [queries, hidden] to `memory` [memory rows, hidden].
  // Collective over the tensor parallel ranks.
  [[nodiscard]] at::Tensor forward(const CrossRows& rows, const at::Tensor& x,
                                   const at::Tensor& memory, Stores residents,
                                   CrossRecord& record) const;

  // Turns `grad`, the gradient of forward's result, into that of x, and returns the gradient of the
  // memory. `own` are gradients that later passes added to the memory's keys and values
  // (undefined: none). Adds the gradients of residents, trained weights and additions. Collective
  // as forward().
  [[nodiscard]] at::Tensor backward(const CrossRows& rows, const CrossRecord& record,
                                    at::Tensor& grad, const KeysValues& own, Stores residents,
                                    Stores grad_residents) const;
};

}  // namespace incipit::nn
