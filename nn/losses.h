// Losses of a batch's targets, on a device.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

// Copies the log-likelihoods of a pass, [n], to places `index` ([n] int64) of those of a batch,
// [targets] float64.
void put_log_likelihoods(at::Tensor all, const at::Tensor& index, const at::Tensor& of_pass);
// Returns numbers index[i] ([n] int64) of x [targets] float64: the gradients for a pass.
[[nodiscard]] at::Tensor pick(const at::Tensor& x, const at::Tensor& index);

// Whether a device has the kernels of token_loss() and candidate_loss().
[[nodiscard]] bool has_loss_kernels(at::Device device);

// A sum over the targets of a batch.
struct LossAndGradient {
  at::Tensor loss;      // [] float64
  at::Tensor gradient;  // [targets] float64
};

// Returns the sum of -weight * log-likelihood over the targets whose weight is not 0. Both are
// [targets] float64, on a device with kernels.
[[nodiscard]] LossAndGradient token_loss(const at::Tensor& weights,
                                         const at::Tensor& log_likelihoods);

// Groups of candidates, each of which is a list of targets. Candidates are numbered over all
// groups. All are int32.
struct CandidateIndex {
  at::Tensor gold;             // [groups]: the gold candidate
  at::Tensor first_candidate;  // [groups + 1]
  at::Tensor first_target;     // [candidates + 1]: where a candidate's targets begin in target_of
  at::Tensor target_of;
  at::Tensor first_use;  // [used targets + 1]: where a target's candidates begin in candidate_of
  at::Tensor candidate_of;
};

// Returns the sum over the groups of the cross-entropy of the gold candidate; a candidate's logit
// is the sum of the log-likelihoods of its targets. Arguments as token_loss().
[[nodiscard]] LossAndGradient candidate_loss(const CandidateIndex& index,
                                             const at::Tensor& log_likelihoods);

}  // namespace incipit::nn
