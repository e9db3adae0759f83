#include "nn/linear.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "nn/collectives.h"
#include "nn/matmul.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Returns the blocks of a matmul's rows of which one is summed over the ranks while the next is
// computed. One block where sums are not enqueued, or where blocks would be too few rows for a
// matmul to be efficient.
std::vector<Range> blocks_to_sum(const comm::Communicator& ranks, std::int64_t rows) {
  constexpr std::int64_t kLeastRows = 512;
  constexpr std::int64_t kMostBlocks = 4;
  const std::int64_t count = ranks.size() > 1 && ranks.enqueues()
                                 ? std::clamp<std::int64_t>(rows / kLeastRows, 1, kMostBlocks)
                                 : 1;
  std::vector<Range> blocks;
  for (std::int64_t i = 0; i < count; ++i) {
    blocks.push_back({rows * i / count, rows * (i + 1) / count});
  }
  return blocks;
}

// Returns compute(x) [rows, columns], summed over the ranks. `compute` writes the rows of a block.
template <typename Compute>
at::Tensor sum_by_blocks(comm::Communicator& ranks, const std::vector<Range>& blocks,
                         const at::Tensor& x, std::int64_t columns, comm::Operation purpose,
                         const Compute& compute) {
  const at::Tensor sum = at::empty({x.size(0), columns}, x.options());
  std::vector<std::optional<comm::Pending>> started;
  for (const Range& block : blocks) {
    const at::Tensor part = sum.narrow(0, block.begin, block.size());
    compute(part, x.narrow(0, block.begin, block.size()));
    started.push_back(ranks.start(purpose, [&] { sum_over(ranks, part, purpose); }));
  }
  for (auto& each : started) {
    if (each) each->wait();
  }
  return sum;
}

}  // namespace

at::Tensor Linear::forward(const at::Tensor& x, const Additions& additions) const {
  constexpr comm::Operation kPurpose = "output of a layer";
  const at::Tensor& weight = weight_->values();
  const std::vector<Range> blocks = blocks_to_sum(*ranks_, x.size(0));
  const bool overlaps =
      split_ == Split::kInputs && blocks.size() > 1 && !add_to(additions, *weight_);
  at::Tensor y;
  if (overlaps) {
    y = sum_by_blocks(
        *ranks_, blocks, x, weight.size(0), kPurpose,
        [&](const at::Tensor& to, const at::Tensor& rows) { write_matmul_nt(to, rows, weight); });
  } else {
    y = matmul_nt(x, weight);
    add_low_rank(additions, *weight_, x, y);
  }
  weight_->progress();
  if (split_ == Split::kInputs && !overlaps) sum_over(*ranks_, y, kPurpose);
  if (bias_) ops::add_(y, bias_->values());
  return y;
}

at::Tensor Linear::backward(const at::Tensor& grad, const at::Tensor& x,
                            const Additions& additions) const {
  constexpr comm::Operation kPurpose = "gradient of a layer's input";
  if (trains()) {
    add_matmul_tn(weight_->gradient(), grad, x);
    if (bias_) {
      const at::Tensor& sum = bias_->gradient();
      sum.add_(grad.sum(0, /*keepdim=*/false, sum.scalar_type()));
    }
  }
  const at::Tensor& weight = weight_->values();
  const std::vector<Range> blocks = blocks_to_sum(*ranks_, grad.size(0));
  const bool overlaps =
      split_ == Split::kOutputs && blocks.size() > 1 && !add_to(additions, *weight_);
  if (overlaps) {
    at::Tensor grad_x = sum_by_blocks(
        *ranks_, blocks, grad, weight.size(1), kPurpose,
        [&](const at::Tensor& to, const at::Tensor& rows) { write_matmul_nn(to, rows, weight); });
    weight_->progress();
    return grad_x;
  }
  at::Tensor grad_x = matmul_nn(grad, weight);
  add_low_rank_backward(additions, *weight_, grad, x, grad_x);
  weight_->progress();
  if (split_ == Split::kOutputs) sum_over(*ranks_, grad_x, kPurpose);
  return grad_x;
}

}  // namespace incipit::nn
