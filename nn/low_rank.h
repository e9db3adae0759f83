// Low-rank additions to linear maps (LoRA, Hu et al. 2021):
//
//   y = x W^T + (x A^T) B^T
//
// A pass may have additions of several prompts, each at its own rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_map>
#include <vector>

#include "core/range.h"

namespace incipit::nn {

class Parameter;

// What is added to one linear map, as far as this rank computes it. Gradients are undefined before
// the first backward pass.
struct LowRankMap {
  // An addition to some of the outputs.
  struct Part {
    Range outputs;       // columns of y
    Range inner;         // rows of `down`; parts may use the same
    at::Tensor up;       // B with its scale, [outputs, inner], compute dtype, contiguous
    at::Tensor grad_up;  // accumulate type
  };
  at::Tensor down;       // A of all parts, [inner, inputs], compute dtype, contiguous
  at::Tensor grad_down;  // accumulate type
  std::vector<Part> parts;
};

using LowRankMaps = std::unordered_map<const Parameter*, LowRankMap>;  // by the weight W

// Additions at the rows of a map's input, which most maps may not have.
struct RowAdditions {
  const LowRankMaps* maps = nullptr;
  at::Tensor mask;  // [rows] int32: 1 at the rows that have them, else 0; undefined: all have
};
using Additions = std::vector<RowAdditions>;

// Whether any of the additions is to the map with weight W.
[[nodiscard]] bool add_to(const Additions& additions, const Parameter& weight);

// Adds the additions to y = x W^T.  x [rows, inputs], y [rows, outputs]. Not collective: if tensor
// parallel ranks divide the inputs, each adds its part of a sum.
void add_low_rank(const Additions& additions, const Parameter& weight, const at::Tensor& x,
                  const at::Tensor& y);

// Adds the gradients of the additions, and their part of the gradient of x to grad_x.
// grad [rows, outputs], x and grad_x [rows, inputs]. Not collective.
void add_low_rank_backward(const Additions& additions, const Parameter& weight,
                           const at::Tensor& grad, const at::Tensor& x, const at::Tensor& grad_x);

}  // namespace incipit::nn
