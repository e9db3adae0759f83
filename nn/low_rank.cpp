#include "nn/low_rank.h"

#include <algorithm>

#include "nn/flops.h"
#include "nn/matmul.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

at::Tensor columns(const at::Tensor& x, const Range& range) {
  return x.narrow(1, range.begin, range.size());
}

// Calls `apply` with each addition to the map, and the mask of its rows.
template <typename Apply>
void for_each(const Additions& additions, const Parameter& weight, Apply&& apply) {
  for (const RowAdditions& each : additions) {
    const auto found = each.maps->find(&weight);
    if (found != each.maps->end()) apply(found->second, each.mask);
  }
}

// Returns x A^T at the rows of the mask, and 0 at the others.
at::Tensor inner_of(const LowRankMap& map, const at::Tensor& x, const at::Tensor& mask) {
  at::Tensor inner = matmul_nt(x, map.down);
  if (mask.defined()) ops::mask_rows_(inner, mask);
  return inner;
}

}  // namespace

bool add_to(const Additions& additions, const Parameter& weight) {
  return std::any_of(additions.begin(), additions.end(),
                     [&](const RowAdditions& each) { return each.maps->contains(&weight); });
}

void add_low_rank(const Additions& additions, const Parameter& weight, const at::Tensor& x,
                  const at::Tensor& y) {
  for_each(additions, weight, [&](const LowRankMap& map, const at::Tensor& mask) {
    const at::Tensor inner = inner_of(map, x, mask);
    for (const LowRankMap::Part& part : map.parts) {
      add_matmul_nt(columns(y, part.outputs), columns(inner, part.inner), part.up);
    }
  });
}

void add_low_rank_backward(const Additions& additions, const Parameter& weight,
                           const at::Tensor& grad, const at::Tensor& x, const at::Tensor& grad_x) {
  for_each(additions, weight, [&](const LowRankMap& map, const at::Tensor& mask) {
    at::Tensor inner;
    {
      const Recomputation scope;
      inner = inner_of(map, x, mask);
    }
    const at::Tensor grad_inner = ops::zeros(inner.sizes(), inner.options());
    for (const LowRankMap::Part& part : map.parts) {
      const at::Tensor grad_part = columns(grad, part.outputs);
      add_matmul_tn(part.grad_up, grad_part, columns(inner, part.inner));
      add_matmul_nn(columns(grad_inner, part.inner), grad_part, part.up);
    }
    if (mask.defined()) ops::mask_rows_(grad_inner, mask);
    add_matmul_tn(map.grad_down, grad_inner, x);
    add_matmul_nn(grad_x, grad_inner, map.down);
  });
}

}  // namespace incipit::nn
