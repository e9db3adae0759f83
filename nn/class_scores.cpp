#include "nn/class_scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros_like.h>

#include <iterator>
#include <utility>

#include "nn/host_copy.h"
#include "nn/matmul.h"
#include "nn/ops.h"

namespace incipit::nn {

ClassScores::ClassScores(const Norm& norm, const ClassHead& head, at::ScalarType compute,
                         at::Device device, std::vector<Target> targets)
    : Scores(std::move(targets), ops::accumulate_type(compute), device),
      norm_(&norm),
      head_(&head) {
  std::vector<std::int64_t> flat;
  for (std::size_t t = 0; t < targets_.size(); ++t) {
    flat.push_back(slot_[t] * head.outputs() + targets_[t].id);
  }
  clear_results();
  row_of_ = upload(slot_, device);
  flat_ = upload(flat, device);
}

std::vector<std::int64_t> ClassScores::shape() const {
  return {std::ssize(targets_), std::ssize(rows_), head_->outputs()};
}

at::Tensor ClassScores::normal(const at::Tensor& last, NormStatistics& statistics) const {
  return norm_->forward(last, statistics).to(wide_);
}

void ClassScores::forward(const at::Tensor& last, bool /*keep_logits*/) {
  if (rows_.empty()) return;
  NormStatistics unused;
  logits_ = matmul_nt(normal(last, unused), head_->weight);
  if (head_->bias.defined()) logits_.add_(head_->bias);
  if (head_->normalised) logits_ = at::log_softmax(logits_, -1);
  log_likelihoods_ = logits_.view(-1).index_select(0, flat_);
  argmax_ = logits_.argmax(-1).index_select(0, row_of_);
}

at::Tensor ClassScores::backward(const at::Tensor& last, const at::Tensor& grad) const {
  at::Tensor grad_last = at::empty(last.sizes(), last.options());
  if (rows_.empty()) return grad_last;
  at::Tensor outputs = at::zeros_like(logits_);
  outputs.view(-1).index_add_(0, flat_, grad.to(wide_));
  if (head_->normalised) outputs.sub_(logits_.exp().mul_(outputs.sum(-1, /*keepdim=*/true)));
  NormStatistics statistics;
  const at::Tensor x = normal(last, statistics);
  if (head_->grad_weight.defined()) add_matmul_tn(head_->grad_weight, outputs, x);
  if (head_->grad_bias.defined()) at::Tensor(head_->grad_bias).add_(outputs.sum(0));
  norm_->backward(matmul_nn(outputs, head_->weight).to(last.scalar_type()), last, statistics,
                  grad_last);
  return grad_last;
}

}  // namespace incipit::nn
