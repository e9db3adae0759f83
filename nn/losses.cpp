#include "nn/losses.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>

#include "core/check.h"
#include "nn/device_path.h"

namespace incipit::nn {
namespace {

LossAndGradient like(const at::Tensor& log_likelihoods) {
  return {at::empty({}, log_likelihoods.options()),
          at::empty({log_likelihoods.numel()}, log_likelihoods.options())};
}

}  // namespace

void put_log_likelihoods(at::Tensor all, const at::Tensor& index, const at::Tensor& of_pass) {
  const DevicePath* const path = device_path(of_pass);
  if (path == nullptr) {
    all.index_copy_(0, index, of_pass.to(all.scalar_type()));
    return;
  }
  INCIPIT_CHECK(of_pass.numel() == index.numel());
  launch(*path, all.device(), path->kernels->scatter_numbers,
         kernels::cuda::ScatterNumbers{index.numel(), of_pass.const_data_ptr<float>(),
                                       index.const_data_ptr<std::int64_t>(),
                                       all.mutable_data_ptr<double>()});
}

at::Tensor pick(const at::Tensor& x, const at::Tensor& index) {
  const DevicePath* const path = device_path(x.device());
  if (path == nullptr) return x.index_select(0, index);
  const at::Tensor to = at::empty({index.numel()}, x.options());
  launch(*path, x.device(), path->kernels->gather_numbers,
         kernels::cuda::GatherNumbers{index.numel(), x.const_data_ptr<double>(),
                                      index.const_data_ptr<std::int64_t>(),
                                      to.mutable_data_ptr<double>()});
  return to;
}

bool has_loss_kernels(at::Device device) { return device_path(device) != nullptr; }

LossAndGradient token_loss(const at::Tensor& weights, const at::Tensor& log_likelihoods) {
  const DevicePath& path = *device_path(weights.device());
  LossAndGradient to = like(log_likelihoods);
  launch(path, weights.device(), path.kernels->token_loss,
         kernels::cuda::TokenLoss{.targets = weights.numel(),
                                  .weight = weights.const_data_ptr<double>(),
                                  .log_likelihoods = log_likelihoods.const_data_ptr<double>(),
                                  .loss = to.loss.mutable_data_ptr<double>(),
                                  .gradient = to.gradient.mutable_data_ptr<double>()});
  return to;
}

LossAndGradient candidate_loss(const CandidateIndex& index, const at::Tensor& log_likelihoods) {
  const DevicePath& path = *device_path(log_likelihoods.device());
  const std::int64_t candidates = index.first_target.numel() - 1;
  const at::Tensor slopes = at::empty({candidates}, log_likelihoods.options());
  LossAndGradient to = like(log_likelihoods);
  launch(path, log_likelihoods.device(), path.kernels->candidate_loss,
         kernels::cuda::CandidateLoss{.groups = index.gold.numel(),
                                      .candidates = candidates,
                                      .targets = log_likelihoods.numel(),
                                      .used_targets = index.first_use.numel() - 1,
                                      .gold = ints_of(index.gold),
                                      .first_candidate = ints_of(index.first_candidate),
                                      .first_target = ints_of(index.first_target),
                                      .target_of = ints_of(index.target_of),
                                      .first_use = ints_of(index.first_use),
                                      .candidate_of = ints_of(index.candidate_of),
                                      .log_likelihoods = log_likelihoods.const_data_ptr<double>(),
                                      .slopes = slopes.mutable_data_ptr<double>(),
                                      .loss = to.loss.mutable_data_ptr<double>(),
                                      .gradient = to.gradient.mutable_data_ptr<double>()});
  return to;
}

}  // namespace incipit::nn
